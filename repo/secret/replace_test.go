package secret

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReplaceKeepsLinesAndPatches(t *testing.T) {
	key := ""
	for _, p := range planted() {
		if p[0] == "private-key" {
			key = p[1]
			break
		}
	}
	text := patchOf("id_rsa", "before\n"+key+"\nafter\n")
	finds := search(t, text, Patch)
	if len(finds) != 1 {
		t.Fatalf("%+v", finds)
	}
	out, err := Replace([]byte(text), Patch, []Span{{int(finds[0].From), int(finds[0].To)}})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := strings.Count(text, "\n"), bytes.Count(out, []byte("\n")); a != b {
		t.Errorf("%d lines became %d", a, b)
	}
	for line := range strings.Lines(string(out[bytes.Index(out, []byte("\n@@")):])) {
		switch line {
		case "\n", "@@ -0,0 +1,16 @@\n", "+before\n", "+after\n", "+" + Mark + "\n":
		default:
			t.Errorf("a line is %q", line)
		}
	}
	if finds := search(t, string(out), Patch); len(finds) > 0 {
		t.Errorf("still found: %+v", finds)
	}
	if _, err := Replace([]byte(text), Patch, []Span{{20, 24}}); !errors.Is(err, ErrHeader) {
		t.Errorf("a change of the names of a patch: %v", err)
	}
	plain, err := Replace([]byte("a SECRET\r\nb SECRET c"), Plain, []Span{{12, 18}, {2, 11}})
	if err != nil || string(plain) != "a "+Mark+"\r\n"+Mark+" "+Mark+" c" {
		t.Errorf("%q, %v", plain, err)
	}
}

func TestEachPacked(t *testing.T) {
	var got []string
	text := "diff --git a/x.bin b/x.bin\nGIT binary patch\nliteral 0\nHcmV?d00001\n\nliteral 0\nHcmV?d00001\n\n" + patchOf(
		"a.py",
		"literal 5\n",
	)
	err := EachPacked(strings.NewReader(text), func(file string, r io.Reader) error {
		data, err := io.ReadAll(r)
		got = append(got, file+":"+string(data))
		return err
	})
	if err != nil || strings.Join(got, " ") != "x.bin: x.bin:" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"HF_TOKEN": true, "aws_secret": true, "API_KEY": true, "MY_PASSWORD": true, "CUDA_VISIBLE_DEVICES": false,
		"PWD": false, "SLURM_JOB_ID": false,
	} {
		if Names(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
