package cli

import (
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// printBottle reports on the one bottle that a verb acted on.
func (c *call) printBottle(b projections.Bottle) {
	row := bottleRowOf(b)
	if c.Output == asJSON || c.Output == asLines {
		j := newDocument()
		j.open("bottle", '{')
		row.keys(j)
		j.close('}')
		c.document(j)
		return
	}
	c.out.WriteString(safe(b.Slug) + "\n")
}
