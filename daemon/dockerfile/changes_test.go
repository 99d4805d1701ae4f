package dockerfile

import (
	"maps"
	"slices"
	"strings"
	"testing"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

func TestChangesAreAppliedInOrder(t *testing.T) {
	t.Parallel()
	var c dockerspec.DockerOCIImageConfig
	c.Env, c.Cmd, c.WorkingDir = []string{"PATH=/bin", "A=1"}, []string{"old"}, "/base"
	err := Apply(&c, []string{
		"ENTRYPOINT run $A", "ENV A=2 B=$A", "LABEL v=$B", "EXPOSE $A 53/udp 7000-7002", "WORKDIR sub", "WORKDIR ../other", "USER u:g",
		"VOLUME /a /b", "STOPSIGNAL 9", "ONBUILD ADD . /", "HEALTHCHECK NONE",
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, ok := range map[string]bool{
		"entry point, which drops the command": slices.Equal(c.Entrypoint, []string{"/bin/sh", "-c", "run $A"}) && c.Cmd == nil,
		"environment":                          slices.Equal(c.Env, []string{"PATH=/bin", "A=2", "B=1"}),
		"labels":                               maps.Equal(c.Labels, map[string]string{"v": "1"}),
		"ports":                                slices.Equal(slices.Sorted(maps.Keys(c.ExposedPorts)), []string{"2/tcp", "53/udp", "7000/tcp", "7001/tcp", "7002/tcp"}),
		"directory":                            c.WorkingDir == "/base/other",
		"user":                                 c.User == "u:g",
		"volumes":                              len(c.Volumes) == 2,
		"signal":                               c.StopSignal == "9",
		"triggers":                             slices.Equal(c.OnBuild, []string{"ADD . /"}),
		"health":                               c.Healthcheck != nil && slices.Equal(c.Healthcheck.Test, []string{"NONE"}),
	} {
		if !ok {
			t.Errorf("%s: %+v", what, c)
		}
	}
	if err := Apply(&c, []string{`CMD ["a", "b"]`, "ENTRYPOINT [\"e\"]"}); err != nil || !slices.Equal(c.Cmd, []string{"a", "b"}) {
		t.Errorf("a command of the same changes stays: %q, %v", c.Cmd, err)
	}
}

func TestOtherInstructionsAreRefusedByName(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		"run x": "run is not a valid change command", "COPY a b": "COPY is not a valid change command", "ENV A": "ENV must have two arguments",
		"EXPOSE 99999": "invalid containerPort: 99999", "STOPSIGNAL x": "invalid signal: x", "\n": "file with no instructions",
	} {
		if err := Apply(&dockerspec.DockerOCIImageConfig{}, []string{change}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", change, err, want)
		}
	}
}
