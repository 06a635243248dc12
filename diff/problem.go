package diff

// Problem is a part of two sides that could not be compared.
type Problem struct {
	Kind ProblemKind
	Name string // the metric or the dataset
	Err  error  // the cause; nil if the kind says enough
}

// ProblemKind says which part could not be compared, and why if that is known.
type ProblemKind int

// The kinds of problems.
const (
	CurvesUnread   ProblemKind = iota // the points of a metric
	NoCommonStep                      // the points of a metric: the two have no step in common
	ManifestUnread                    // the files of a dataset
	SourceUnread                      // the source of the two
)

// String returns the problem as one clause of a sentence.
func (p Problem) String() string {
	switch p.Kind {
	case CurvesUnread:
		return "the curves of " + p.Name + " were not compared: " + p.Err.Error()
	case NoCommonStep:
		return "the curves of " + p.Name + " have no common step"
	case ManifestUnread:
		return "the files of dataset " + p.Name + " were not compared: " + p.Err.Error()
	}
	return "the source was not compared: " + p.Err.Error()
}
