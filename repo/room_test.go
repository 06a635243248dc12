package repo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

func point(key string, step int64) *format.Line {
	return &format.Line{
		Time: 1764000000_000000 + step, HasStep: true, Step: step, Metrics: []format.MetricValue{{Key: key, Value: 1}},
	}
}

// TestAcknowledgedIsRecorded: whatever a call accepts, the finish records; whatever the finish would set aside, the
// call refuses.
func TestAcknowledgedIsRecorded(t *testing.T) {
	r, _, err := Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("y", 60_000)
	var lines []*format.Line
	for i := range 70 { // more than the record has room for
		l := point("loss", int64(i))
		switch i % 3 {
		case 0:
			l.Note = long[:40_000]
		case 1:
			l.Params = format.Params{fmt.Sprintf("p%d", i): long}
		case 2:
			l.Tags = map[string]string{fmt.Sprintf("t%d", i): long}
		}
		lines = append(lines, l)
	}
	lines = append(
		lines, &format.Line{Time: -1, Metrics: []format.MetricValue{{Key: "loss", Value: 1}}},
		&format.Line{Time: 1, Metrics: []format.MetricValue{{Key: "bad\nkey", Value: 1}}},
		&format.Line{Time: 1, Tags: map[string]string{"a": long + long}},
	)
	accepted, refused := int64(0), 0
	for _, l := range lines {
		err := a.CheckLines(t.Context(), l)
		if err == nil {
			err = a.AppendShared(l)
		}
		if err == nil {
			accepted++
		} else {
			refused++
		}
	}
	res, err := a.Finish(t.Context(), Finish{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := res.Run.Files[asideName]; ok || len(res.Warnings) > 0 {
		t.Errorf("of %d accepted lines some were set aside: %q", accepted, res.Warnings)
	}
	if got := res.Run.Metrics["loss"].Count; got != accepted || refused < 20 || accepted < 40 {
		t.Errorf("%d points were accepted and %d recorded; %d were refused", accepted, got, refused)
	}
}

// TestPointsStayBesideWhatDoesNotFit: in a stream, the points of a line are kept, and each part that does not fit is
// named.
func TestPointsStayBesideWhatDoesNotFit(t *testing.T) {
	room := &Room{newFold(&format.Run{}, nil)}
	l := point("loss", 1)
	l.Note, l.Tags = strings.Repeat("y", format.MaxTextBytes+1), map[string]string{"a": "b"}
	if reasons := room.Fit(l); len(reasons) != 1 || l.Note != "" || len(l.Metrics) != 1 || l.Tags["a"] != "b" {
		t.Errorf("%q, and the line is %+v", reasons, l)
	}
	for i := range format.MaxMetrics {
		if reasons := room.Fit(point(fmt.Sprint("m", i), 1)); len(reasons) > 0 && i != format.MaxMetrics-1 {
			t.Fatalf("metric %d: %q", i, reasons)
		}
	}
	l = point("one more", 1)
	l.Metrics = append(l.Metrics, format.MetricValue{Key: "loss", Value: 2})
	if reasons := room.Fit(l); len(reasons) != 1 || len(l.Metrics) != 1 || l.Metrics[0].Key != "loss" {
		t.Errorf("%q, and the line is %+v", reasons, l)
	}
}

// TestPointsOfOtherWriters: a finish keeps the good points of a line that another writer wrote, and sets the rest
// aside.
func TestPointsOfOtherWriters(t *testing.T) {
	a, pid := endedRun(t, t.TempDir())
	note := strings.Repeat("y", format.MaxTextBytes+1)
	put(t, a.Dir+"/"+fmt.Sprintf("journal-%s-%d-a.jsonl", thisHost(), pid),
		`{"t":1,"m":{"loss":1},"note":"`+note+`"}`+"\n"+`{"t":2,"m":{"loss":2,"text":"x","acc":3},"tags":[1]}`+"\n")
	res := recovered(t, a)
	if res.Run.Metrics["loss"].Count != 2 || res.Run.Metrics["acc"].Count != 1 || res.Run.Files[asideName].Rows != 2 {
		t.Errorf("recorded %+v, with %q", res.Run, res.Warnings)
	}
}
