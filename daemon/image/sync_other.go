//go:build !unix

package image

// syncDir does nothing: directories cannot be synced here, renaming is durable in order.
func syncDir(string) error { return nil }
