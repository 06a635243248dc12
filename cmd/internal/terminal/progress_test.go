package terminal

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := Test(nil, &out, 40, false).Progress("hashing x")
	p.Bytes(1, 10)
	if out.Len() > 0 {
		t.Errorf("shown before a moment has passed: %q", out.String())
	}
	p.began = time.Now().Add(-time.Second)
	p.Bytes(5_000_000, 10_000_000)
	p.Bytes(6_000_000, 10_000_000) // too soon after the last one
	got := out.String()
	if !strings.Contains(got, "hashing x ━━━━━━━━━━··········  50%") || strings.Contains(got, "60%") ||
		Width(strings.Trim(got, "\r\x1b[K")) > 39 {
		t.Errorf("%q", got)
	}
	out.Reset()
	p.Done()
	p.Done()
	p.Count(9, 10)
	if got := out.String(); got != "\r\x1b[K" {
		t.Errorf("%q", got)
	}
	quiet := &Terminal{Err: &out}
	q := quiet.Progress("y")
	q.began = time.Now().Add(-time.Hour)
	q.Count(1, 2)
	q.Done()
	if got := out.String(); got != "\r\x1b[K" {
		t.Errorf("shown without a terminal: %q", got)
	}
}
