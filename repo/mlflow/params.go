package mlflow

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Typed returns the value of a param of MLflow's, which is a text. The value has a type only where Python's str() of it
// gives back the same text; otherwise it is the text.
func Typed(text string) any {
	switch text {
	case "True":
		return true
	case "False":
		return false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && pythonFloat(f) == text {
		return f
	}
	return text
}

// pythonFloat is Python's str() of a finite float: the shortest digits that give the number back, with an exponent of
// at least two digits from 1e16 and below 1e-4. https://docs.python.org/3/library/functions.html#repr
func pythonFloat(f float64) string {
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, ok := strings.Cut(s, "e")
	e, err := strconv.Atoi(exponent)
	if !ok || err != nil {
		return strings.ToLower(strings.TrimPrefix(s, "+")) // inf, -inf, nan
	}
	if e < -4 || e >= 16 {
		return mantissa + "e" + exponent
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// Text returns the text that a param of ours is for MLflow: what Python's str() gives for its value.
func Text(value any) string {
	switch v := value.(type) {
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return pythonFloat(v)
	case string:
		return v
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	if value == format.Null {
		return "None"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
