package browser

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Functions are the exports of one TypeScript file of the page, loaded into an empty page.
type Functions struct {
	t    TB
	page *Page
	file string
}

// Load bundles a file of cmd/internal/web, such as "src/chart/smooth.ts", and loads it into an empty page.
func (b *Browser) Load(t TB, file string) *Functions {
	t.Helper()
	root, err := filepath.Abs("../../cmd/internal/web")
	if err != nil {
		t.Fatalf("finding the page's source: %v", err)
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: root,
		EntryPoints:   []string{file},
		Bundle:        true,
		Format:        api.FormatIIFE,
		GlobalName:    "__functions",
		Target:        api.ES2022,
		JSXFactory:    "h",
		JSXFragment:   "Fragment",
		Alias: map[string]string{
			"preact":       "./third_party/preact/preact.mjs",
			"preact/hooks": "./third_party/preact/hooks/hooks.mjs",
		},
		Loader: map[string]api.Loader{".css": api.LoaderEmpty},
	})
	if len(result.Errors) > 0 {
		t.Fatalf("bundling %s: %s", file, result.Errors[0].Text)
	}
	f := &Functions{t: t, page: b.NewPage(t), file: file}
	f.page.Run(string(result.OutputFiles[0].Contents) + ";globalThis.__functions = __functions; 0")
	return f
}

// Call calls an exported function, and decodes what it returns into result, a pointer. Arguments are written as
// JavaScript by Literal. A typed array becomes a list, and a Number can be NaN or infinite.
func (f *Functions) Call(result any, name string, args ...any) {
	f.t.Helper()
	if err := f.Try(result, name, args...); err != nil {
		f.t.Fatalf("%s: %s: %v", f.file, name, err)
	}
}

// Try is like Call, and returns what the function throws as an error.
func (f *Functions) Try(result any, name string, args ...any) error {
	literals := make([]string, len(args))
	for i, a := range args {
		literals[i] = Literal(a)
	}
	return f.Eval(result, fmt.Sprintf("__functions.%s(%s)", name, strings.Join(literals, ", ")))
}

// Eval decodes what an expression is. Its exports are in the variable __functions.
func (f *Functions) Eval(result any, expression string) error {
	text, err := try[string](f.page, `(async () => JSON.stringify(await (`+expression+`), (_, v) =>
		typeof v === "number" && !Number.isFinite(v) ? String(v) :
		ArrayBuffer.isView(v) ? Array.from(v) :
		v instanceof Map ? [...v] : v instanceof Set ? [...v] : v) ?? "null")()`)
	if err != nil {
		return err
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal([]byte(text), result)
}

// Number is a number of JavaScript: NaN and the infinities come as the strings that JSON has no numbers for.
type Number float64

// UnmarshalJSON reads a number, "NaN", "Infinity" or "-Infinity". null is NaN.
func (n *Number) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	if text == "null" {
		text = "NaN"
	}
	f, err := strconv.ParseFloat(text, 64)
	*n = Number(f)
	return err
}

// Script is an argument that is JavaScript already.
type Script string

// Literal writes a Go value as JavaScript. A []float64 becomes a Float64Array, a []float32 a Float32Array, a []int32 an
// Int32Array and a []byte an Uint8Array. NaN and the infinities stay what they are in float64, and in these.
func Literal(v any) string {
	switch v := v.(type) {
	case Script:
		return string(v)
	case float64:
		return number(v)
	case Number:
		return number(float64(v))
	case []float64:
		return typed("Float64Array", v, number)
	case []float32:
		return typed("Float32Array", v, func(f float32) string { return number(float64(f)) })
	case []int32:
		return typed("Int32Array", v, func(i int32) string { return strconv.Itoa(int(i)) })
	case []byte:
		return typed("Uint8Array", v, func(b byte) string { return strconv.Itoa(int(b)) })
	case []Number:
		return "[" + strings.Join(mapped(v, func(n Number) string { return number(float64(n)) }), ",") + "]"
	}
	if r := reflect.ValueOf(v); r.IsValid() && r.Kind() == reflect.Map {
		if r.Type().Key().Kind() == reflect.String {
			parts := []string{}
			for _, k := range r.MapKeys() {
				parts = append(parts, Literal(k.String())+":"+Literal(r.MapIndex(k).Interface()))
			}
			return "{" + strings.Join(parts, ",") + "}"
		}
	} else if r.IsValid() && r.Kind() == reflect.Slice && r.Type().Elem().Kind() != reflect.String {
		parts := []string{}
		for i := range r.Len() {
			parts = append(parts, Literal(r.Index(i).Interface()))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a value that a test made
	}
	return string(text)
}

func typed[E any](kind string, values []E, write func(E) string) string {
	return kind + ".of(" + strings.Join(mapped(values, write), ",") + ")"
}

func mapped[E any](values []E, write func(E) string) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = write(v)
	}
	return texts
}

func number(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
