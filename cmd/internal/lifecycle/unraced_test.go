//go:build !race

package lifecycle_test

// thin is 1: without the race detector every case is tried.
const thin = 1
