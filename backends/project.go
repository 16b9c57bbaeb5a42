package backends

import "context"

// LabelProject is the label that Docker Compose and its kin put on every
// container of a project, with the project's name
// (https://github.com/compose-spec/compose-go, package labels).
const LabelProject = "com.docker.compose.project"

// Projects is the optional part of a backend whose engine knows compose
// projects: an import looks there for what another tool made.
type Projects interface {
	// InProject lists every instance of a project, whoever made it, running or
	// not, with name, id and labels at least. None is no error.
	InProject(ctx context.Context, project string) ([]Observation, error)
}
