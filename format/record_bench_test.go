package format

import "testing"

func BenchmarkDecodeRun(b *testing.B) {
	data, err := EncodeRun(exampleRun())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := DecodeRun("run.toml", data); err != nil {
			b.Fatal(err)
		}
	}
}
