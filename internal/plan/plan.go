// Package plan holds what is done with many runs: it searches over them, or holds them against
// measurements. Calibrate simulates measured points of a real service and says how far off they come out.
package plan
