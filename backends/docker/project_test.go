package docker_test

import (
	"testing"

	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// What another tool made is found by its compose project and by its name, with
// the id that it is known by from then on, and left as it is.
func TestWhatAnotherToolMadeIsFound(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	image, project := e.testImage(t), "proj-"+random()
	made := map[string]string{}
	for name, of := range map[string]string{"agent": project, "proxy": project, "else": project + "-2", "none": ""} {
		name += "-" + project
		labels := map[string]string{backends.LabelProject: of}
		if of == "" {
			labels = nil
		}
		c, err := e.api.ContainerCreate(t.Context(), &container.Config{Image: image, Cmd: idle(), Labels: labels}, nil, nil, nil, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.delete(t, c.ID) })
		made[name] = c.ID
	}
	found, err := b.InProject(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range found {
		if made[o.Name] != o.ID || o.Labels != (backends.Labels{}) {
			t.Errorf("found %s as %s, %+v", o.Name, o.ID, o.Labels)
		}
	}
	if len(found) != 2 {
		t.Errorf("found %d of 2", len(found))
	}
	if none, err := b.InProject(t.Context(), "no-"+project); err != nil || len(none) != 0 {
		t.Errorf("of no project: %v, %v", none, err)
	}
	for name, id := range made {
		o, err := b.Inspect(t.Context(), backends.Ref{Name: name, Labels: backends.Labels{Home: "none", Bottle: "none"}})
		if err != nil || o.Status != backends.StatusReplaced || o.Name != name || o.ID != id {
			t.Errorf("%s by its name: %s %s %s, %v", name, o.Status, o.Name, o.ID, err)
		}
		o, err = b.Inspect(t.Context(), backends.Ref{Name: name, ID: id, Foreign: true})
		if err != nil || o.Status != backends.StatusCreated || o.ID != id {
			t.Errorf("%s by its id: %s %s, %v", name, o.Status, o.ID, err)
		}
	}
}
