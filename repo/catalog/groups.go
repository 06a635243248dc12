package catalog

import (
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/query"
)

// Groups is a list of groups of runs, each with a summary of the primary metric.
type Groups struct {
	Key     string // a key or query.ByReplicates, as for query.GroupBy
	Primary string // metric of the summaries; empty if the runs have no metric
	Goal    string // min or max if the summaries are of best values; otherwise empty
	List    []Group
}

// Group is a group of runs with its summary.
type Group struct {
	query.Group
	Summary query.Summary // of Groups.Primary
}

// Group groups runs by a key or into replicates, as query.GroupBy does. A chain counts once. limit bounds the number of
// groups; 0 is no limit.
func (c *Catalog) Group(runs []*format.Run, key string, limit int) Groups {
	context := c.Context()
	g := Groups{Key: key, Primary: query.Primary(c.config.Primary, runs, context)}
	list := query.GroupBy(Newest(runs), key, c.config.Replicates.Seeds, context)
	if limit > 0 {
		list = list[:min(len(list), limit)]
	}
	var all []*format.Run
	for _, group := range list {
		all = append(all, group.Runs...)
		one := Group{Group: group}
		if g.Primary != "" {
			one.Summary = query.Summarize(group.Runs, g.Primary, context)
		}
		g.List = append(g.List, one)
	}
	if g.Primary != "" {
		g.Goal = query.BestBy(all, "metrics."+g.Primary, context)
	}
	return g
}
