package api

import (
	"fmt"
	"net/http"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"
)

// legacyDiskUsage is what GET /system/df answered before API version 1.52, and still does to who doesn't ask for
// verbose.
type legacyDiskUsage struct {
	LayersSize int64               `json:"LayersSize,omitempty"`
	Images     []any               `json:"Images,omitzero"`
	Containers []container.Summary `json:"Containers,omitzero"`
	Volumes    []volume.Volume     `json:"Volumes,omitzero"`
	BuildCache []build.CacheRecord `json:"BuildCache,omitzero"`
}

// diskUsage answers GET /system/df.
func (s *Server) diskUsage(w http.ResponseWriter, r *http.Request) error {
	of := []system.DiskUsageObject{system.ContainerObject, system.ImageObject, system.VolumeObject, system.BuildCacheObject}
	if asked, ok := r.Form["type"]; ok && atLeast(r, "1.42") {
		of = nil
		for _, text := range asked {
			switch kind := system.DiskUsageObject(text); kind {
			case system.ContainerObject, system.ImageObject, system.VolumeObject, system.BuildCacheObject:
				of = append(of, kind)
			default:
				return badRequest(fmt.Errorf("unknown object type: %s", text))
			}
		}
	}
	du, err := s.backend.System.DiskUsage(r.Context(), of...)
	if err != nil {
		return err
	}
	if boolParam(r, "verbose") && atLeast(r, "1.52") {
		return writeJSON(w, http.StatusOK, du)
	}
	legacy, err := legacyUsage(r, du)
	if err != nil {
		return err
	}
	if !atLeast(r, "1.52") {
		return writeJSON(w, http.StatusOK, legacy)
	}
	return writeJSON(w, http.StatusOK, struct {
		*legacyDiskUsage
		*system.DiskUsage
	}{legacy, du})
}

// legacyUsage is the old form of a report. The new one that stands beside it keeps its items, as dockerd has it.
func legacyUsage(r *http.Request, du *system.DiskUsage) (*legacyDiskUsage, error) {
	old := &legacyDiskUsage{}
	if u := du.ImageUsage; u != nil {
		old.LayersSize, old.Images = u.TotalSize, []any{}
		for _, img := range u.Items {
			shown, err := legacyImage(r, img)
			if err != nil {
				return nil, err
			}
			old.Images = append(old.Images, shown)
		}
	}
	if u := du.ContainerUsage; u != nil {
		old.Containers = append([]container.Summary{}, u.Items...)
	}
	if u := du.VolumeUsage; u != nil {
		old.Volumes = append([]volume.Volume{}, u.Items...)
	}
	if u := du.BuildCacheUsage; u != nil {
		old.BuildCache = append([]build.CacheRecord{}, u.Items...)
	}
	return old, nil
}

// legacyImage adds what images had before API version 1.44.
func legacyImage(r *http.Request, img image.Summary) (any, error) {
	if atLeast(r, "1.44") {
		return img, nil
	}
	return withFields(img, map[string]any{"VirtualSize": img.Size})
}
