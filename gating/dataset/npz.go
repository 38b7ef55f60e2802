package dataset

import (
	"archive/zip"
	"io"
	"strings"
)

const (
	// Deflate cannot shrink data more than this (RFC 1951: two bits for 258 bytes); an archive that claims more lies.
	deflateLimit = 1032
	// Real data of this many bytes is never this repetitive; zip bombs are.
	suspectSize, suspectRatio = 256 << 20, 200
	// Most real data shrinks less than this.
	usualRatio = 8
)

// npzArrays lists the arrays of an .npz file: a zip archive with one .npy file per array, whose name without the
// suffix is the array's key. Nothing but the directory is read. Files of other kinds in the archive are passed over.
func npzArrays(r io.ReaderAt, size int64) ([]named, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fail("write or download the file again; numpy.savez makes such files",
			"this is not a whole .npz file: %v", err)
	}
	var out []named
	seen := map[string]bool{}
	left := uint64(size)
	for _, f := range archive.File {
		key, isArray := strings.CutSuffix(f.Name, ".npy")
		if err := checkEntry(f, &left); err != nil {
			return nil, err
		}
		if !isArray {
			continue
		}
		if seen[key] {
			return nil, fail("give every array a name of its own", "the archive holds two arrays named %q", key)
		}
		seen[key] = true
		out = append(out, named{key, npzArray(f)})
	}
	if len(out) == 0 {
		return nil, fail("numpy.savez(path, input=x, label=y) makes such files", "the archive holds no arrays")
	}
	return out, nil
}

func npzArray(f *zip.File) npyArray {
	return npyArray{
		open:   func() (io.ReadCloser, error) { return f.Open() },
		size:   int64(f.UncompressedSize64),
		likely: int64(min(f.UncompressedSize64, usualRatio*f.CompressedSize64)),
	}
}

// checkEntry refuses entries that no honest writer makes. left is what remains of the file's bytes: entries that
// overlap to multiply their size use more than there are.
func checkEntry(f *zip.File, left *uint64) error {
	const again = "write the file again with numpy.savez"
	switch {
	case escapes(f.Name):
		return fail(again, "the archive holds a file named %q, which points outside of it", f.Name)
	case f.Flags&1 != 0:
		return fail("save it without a password", "the array %q is encrypted", f.Name)
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return fail(again, "the array %q is compressed with method %d: want 0 (stored) or 8 (deflate)", f.Name,
			f.Method)
	case f.CompressedSize64 > *left:
		return fail(again, "the archive is a bomb or damaged: its parts have more bytes than the file")
	case f.Method == zip.Store && f.UncompressedSize64 != f.CompressedSize64:
		return fail(again, "the array %q is stored as %d bytes but declares %d", f.Name, f.CompressedSize64,
			f.UncompressedSize64)
	case f.UncompressedSize64/deflateLimit > f.CompressedSize64:
		return fail(again, "the archive is a bomb or damaged: %q declares %d bytes in %d", f.Name,
			f.UncompressedSize64, f.CompressedSize64)
	case f.UncompressedSize64 > suspectSize && f.UncompressedSize64/suspectRatio > f.CompressedSize64:
		return fail("if the data really is that repetitive, save it with numpy.savez instead of numpy.savez_compressed",
			"the archive looks like a bomb: %q grows from %d to %d bytes", f.Name, f.CompressedSize64,
			f.UncompressedSize64)
	}
	*left -= f.CompressedSize64
	return nil
}

// escapes says whether a name in an archive is no plain relative path. Nothing is ever written under these names; an
// archive that has them was made to harm someone.
func escapes(name string) bool {
	if strings.HasPrefix(name, "/") || strings.ContainsAny(name, "\\\x00") {
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}
