package store

import (
	"errors"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for raw, name := range map[string]string{
		"file:///mnt/team/runs":         "file:///mnt/team/runs",
		"file:///mnt/team/runs/":        "file:///mnt/team/runs",
		"s3://bkt":                      "s3://bkt",
		"s3://bkt/a/b?region=eu-west-1": "s3://bkt/a/b",
		"s3://bkt?endpoint=http://127.0.0.1:9000&use_path_style=true": "s3://bkt",
		"gs://bkt/prefix":                         "gs://bkt/prefix",
		"azblob://container?storage_account=acme": "azblob://container",
	} {
		u, err := ParseURL(raw)
		if err != nil || Name(u) != name {
			t.Errorf("%s: %v, %v", raw, u, err)
		}
	}
	const secret = "hunter2hunter2"
	for raw, words := range map[string]string{
		"":                              "no kind",
		"/mnt/team":                     "no kind",
		"ftp://host/x":                  "ftp: is not known",
		"s3://":                         "lacks a bucket",
		"s3:bkt":                        "is invalid",
		"s3://bkt:80/x":                 "lacks a bucket",
		"s3://bkt/a/../b":               "prefix",
		"s3://bkt?colour=red":           "colour",
		"s3://bkt?region=a&region=b":    "region",
		"file://host/share":             "no folder",
		"gs://bkt?region=eu":            "region",
		"s3://bkt#" + secret:            "is invalid",
		"s3://key:" + secret + "@bkt":   "holds credentials",
		"s3://bkt?access_key=" + secret: "holds credentials (access_key)",
		"s3://bkt?X-Amz-Security-Token=" + secret:          "holds credentials",
		"azblob://c?sig=" + secret:                         "holds credentials (sig)",
		"azblob://c?sv=2024&SAS=" + secret:                 "holds credentials",
		"s3://bkt?endpoint=http://u:" + secret + "@host":   "endpoint",
		"s3://bkt?endpoint=" + secret:                      "endpoint",
		"s3://bkt?endpoint=http://host/%3Ftoken=" + secret: "endpoint",
		"s3://bkt/%zz?token=" + secret:                     "cannot be read",
	} {
		_, err := ParseURL(raw)
		var e *Error
		if !errors.As(err, &e) || e.Kind != Usage || !strings.Contains(e.Message, words) {
			t.Errorf("%s: %v, want %q", raw, err, words)
		} else if strings.Contains(e.Message+e.Hint, secret) {
			t.Errorf("%s: the error repeats what may be secret: %s", raw, e.Message)
		}
	}
}

// TestMeans: who gets what, and the host if the URL chooses it.
func TestMeans(t *testing.T) {
	const azure = "artifacts, and your Azure credentials, go to the host "
	for raw, want := range map[string]string{
		"file:///mnt/team":          "artifacts are written to the folder /mnt/team",
		"s3://bkt/a?region=eu":      "artifacts go to the bucket bkt of Amazon S3",
		"gs://bkt/a":                "artifacts go to the bucket bkt of Google Cloud",
		"azblob://c":                "artifacts go to the container c of the Azure account of AZURE_STORAGE_ACCOUNT",
		"azblob://c?protocol=http":  azure + "of AZURE_STORAGE_DOMAIN, unencrypted",
		"azblob://c?localemu=true":  azure + "of AZURE_STORAGE_DOMAIN",
		"azblob://c?domain=h.org:1": azure + "h.org:1",
		"s3://bkt?endpoint=https://h.org": "artifacts, and requests signed with your AWS credentials, " +
			"go to the host h.org",
		"s3://bkt?endpoint=http://10.0.0.5:9000": "artifacts, and requests signed with your AWS credentials, " +
			"go to the host 10.0.0.5:9000, unencrypted",
	} {
		u, err := ParseURL(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := Means(u); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestCheckDigest(t *testing.T) {
	good := strings.Repeat("0a", 32)
	if err := CheckDigest(good); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		"", good[1:], good + "0", strings.ToUpper(good), strings.Repeat("../", 21) + "a", good[:62] + "zz",
	} {
		if CheckDigest(bad) == nil {
			t.Errorf("%q is taken for a digest", bad)
		}
	}
}
