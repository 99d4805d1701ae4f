// Package image keeps the daemon's images: references, the content they lead to, and the ways in and out of the store
// (pull, tag, remove and the embedded image; one file a verb).
//
// Content lies under one directory, named by digest (OCI image specification 1.1):
//
//	blobs/sha256/<hex>       configurations and manifests as they came
//	layers/sha256/<hex>.tar  layers, uncompressed, named by the digest of just that (the diff ID); what reads the
//	                         layers may put files beside it that are named <hex>.*
//	tmp/                     what is being written, emptied when the store is opened
//
// A file is written to tmp, verified, fsynced and renamed, so that what has its final name is whole. Then the image's
// record and its references are put into the state store; what no record leads to is removed when the store is opened.
package image

import (
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is an image at the moment it was asked for. It must not be written to: it shares its parts with others.
type Image struct {
	ID       digest.Digest                   // of the configuration
	Config   dockerspec.DockerOCIImageConfig // what a container gets: Env, Cmd, User, Healthcheck…
	Platform ocispec.Platform
	Layers   []Layer // lowest first
	History  []ocispec.History
	Created  time.Time // zero if the image does not tell
	Author   string
	Comment  string
	Parent   digest.Digest // image it was built from, here; empty for those that came from elsewhere
	Size     int64         // bytes of all layers

	RepoTags    []string  // familiar names ("alpine:latest"), sorted
	RepoDigests []string  // familiar names ("alpine@sha256:…"), sorted
	LastTagged  time.Time // zero if it never was here

	// Manifest describes the manifest that the image came with, which is among the blobs.
	Manifest ocispec.Descriptor
}

// Layer is one layer of an image.
type Layer struct {
	DiffID digest.Digest
	Size   int64  // bytes of the uncompressed tar
	Path   string // of the uncompressed tar
}

// config is an image's configuration as it is stored: OCI's, docker's additions to what a container gets, and the two
// fields that docker has beside them.
type config struct {
	dockerspec.DockerOCIImage
	Comment string `json:"comment,omitempty"`
}

// record is what the state store has of an image, under its ID.
type record struct {
	Manifest   ocispec.Descriptor
	LayerSizes []int64 // bytes of the uncompressed tars, lowest first
	Parent     digest.Digest
	LastTagged time.Time
	// Removed is set when the image was removed by force while stopped containers used it: it is nobody's any more,
	// but those containers can be started until they are removed, too.
	Removed bool
}

// target is what the state store has of a reference, under its canonical name.
type target struct {
	ID digest.Digest
	// Fallback is set when the embedded image answers for the name because no registry could.
	Fallback bool
}
