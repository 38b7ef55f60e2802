package spill

import "os"

// tempFolder is where temporary files go: the system's folder for them, unless that is kept in memory.
func tempFolder() (string, error) {
	for _, folder := range []string{os.TempDir(), "/var/tmp"} {
		if info, err := os.Stat(folder); err == nil && info.IsDir() && !inMemory(folder) {
			return folder, nil
		}
	}
	return "", fail("set TMPDIR to a folder on a disk",
		"the folder for temporary files, %s, is kept in memory or not there",
		os.TempDir())
}
