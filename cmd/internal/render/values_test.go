package render

import "testing"

func TestValueTextOfAHistogram(t *testing.T) {
	const broken = `{"_type":"histogram","bins":[0,1],"values":[5],"nan":"x"}`
	for _, c := range []struct{ value, want string }{
		{`{"_type":"histogram","bins":[0,1,2],"values":[3,4]}`, "histogram of 7 in 2 bins from 0 to 2"},
		{
			`{"_type":"histogram","bins":[0,1],"values":[0],"nan":20,"inf":1,"-inf":2}`,
			"histogram of 0 in 1 bin from 0 to 1, 20 NaN, 1 inf, 2 -inf",
		},
		{broken, broken},
	} {
		if got := ValueText(c.value); got != c.want {
			t.Errorf("ValueText(%s) = %q, want %q", c.value, got, c.want)
		}
	}
}
