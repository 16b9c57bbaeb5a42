package images

import "time"

// SetIdle changes how long a registry may be silent.
func SetIdle(s *Store, d time.Duration) { s.idle = d }

// Parameters reads a challenge.
func Parameters(s string) map[string]string { return parameters(s) }
