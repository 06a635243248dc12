package importer

import (
	"strings"
	"testing"
)

// Names are those of the Python client: gitruns._values.key_of and gitruns._files.stem gave the expected ones.
func TestKeys(t *testing.T) {
	for key, want := range keysOfClient {
		if got := Key(key); got != want {
			t.Errorf("key %.60q: %q, not %q", key, got, want)
		}
	}
	for key, want := range stemsOfClient {
		if got := MediaPath(key); got != want {
			t.Errorf("media of %.60q: %q, not %q", key, got, want)
		}
	}
}

var keysOfClient = map[string]string{
	strings.Repeat("T", 1000):       strings.Repeat("T", 238) + "…98c5d56e",
	strings.Repeat("T", 1000) + "2": strings.Repeat("T", 238) + "…f64384cb",
	strings.Repeat("é", 126):        strings.Repeat("é", 119) + "…aa86acc8",
	"a" + strings.Repeat("…", 100):  "a" + strings.Repeat("…", 80) + "88aa113f",
	strings.Repeat("x", 250):        strings.Repeat("x", 250),
	"loss":                          "loss",
}

var stemsOfClient = map[string]string{
	"a b":                    "a b",
	"a_b":                    "a_b",
	"a:b":                    "a_b-6783a31e",
	"x/con":                  "x/con_-0eb7ddf4",
	"con.txt":                "_con.txt_-d3bde286",
	"../x":                   "_/x-d6b96a97",
	"a//b":                   "a/_/b-7a9acf33",
	"end.":                   "end_-2e18562d",
	"dir /x":                 "dir_/x-11b00276",
	".git":                   ".git_-4d0a4dff",
	"é":                      "é",
	"a*b?<>|\"":              "a_b_____-1d2be403",
	"/x":                     "_/x-b3d1db31",
	"...":                    "_-ab5df625",
	"aux ./y":                "aux_/y-0d40be56",
	"a\\b":                   "a_b-c62016d0",
	strings.Repeat("é", 100): strings.Repeat("é", 75) + "-f42ec48e",
}
