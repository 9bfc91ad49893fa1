package rules

// ReadObjectives reads the specs that patterns name, relative to base. Its error
// joins every fault of every file as "file:line: sentence".
func ReadObjectives(_ []string, _ string) ([]Objective, error) { return nil, nil }
