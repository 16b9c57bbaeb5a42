//go:build race

package lifecycle_test

// thin says that of the long tables one case in so many is tried: what they
// look for is no race, and the detector makes each several times as long.
const thin = 4
