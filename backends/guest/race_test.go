//go:build race

package guest_test

// The program is looked at by the race detector where the tests are.
func init() { raced = true }
