package importer

// Table says what the columns of a table are. It is for logs without names of their own, such as CSV files. Columns are
// named as in the first line.
type Table struct {
	Curve     bool     // the whole table is one run, and each row is a step of it; otherwise each row is a run
	Metrics   []string // columns of metrics; of a curve without any, all columns that have only numbers
	Tags      []string // columns of tags; the columns that are named nowhere are params
	Without   []string // columns that are left out
	Name, Key string   // columns with the name and the key of a run
	Status    string   // a column with the status of a run
	Started   string   // a column with the start of a run
	Ended     string   // a column with the end of a run
	Step      string   // a column with the steps of a curve
	Time      string   // a column with the times of a curve
	Delimiter string   // between cells; if empty, the first line decides
}

// Used reports whether the table says anything.
func (t *Table) Used() bool {
	return t.Curve || len(t.Metrics)+len(t.Tags)+len(t.Without) > 0 ||
		t.Name+t.Key+t.Status+t.Started+t.Ended+t.Step+t.Time+t.Delimiter != ""
}
