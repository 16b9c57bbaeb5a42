//go:build race

package projections_test

// SQLite under the race detector takes ten times as long; fewer cases run
// then, since the detector looks for something else than properties do.
func init() { fewer = 10 }
