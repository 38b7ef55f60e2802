package parquet

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	// mostPage bounds one page in memory. Writers make pages of a megabyte, and of more where rows are large images.
	mostPage = 1 << 30
	// mostValues bounds how many values a page may have: levels that are all equal take no bytes in the file.
	mostValues = 1 << 24
)

// checkPages looks at every page of a column chunk before the library does: sizes must be within the chunk and the
// bounds above, and a page must not unpack to more than it declares.
func (c *column) checkPages(chunk *parquet.FileColumnChunk) error {
	meta := c.metadata(chunk)
	if meta == nil {
		return fail(again, "column %q has no metadata", c.name)
	}
	from := meta.DataPageOffset
	if meta.DictionaryPageOffset > 0 && meta.DictionaryPageOffset < from {
		from = meta.DictionaryPageOffset
	}
	if from < 4 || meta.TotalCompressedSize < 0 || from > c.file.size-meta.TotalCompressedSize {
		return fail(again, "column %q lies outside of the file", c.name)
	}
	section := io.NewSectionReader(c.file.file, from, meta.TotalCompressedSize)
	in := bufio.NewReaderSize(section, 4096)
	var protocol thrift.CompactProtocol
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		var header format.PageHeader
		if err := thrift.NewDecoder(protocol.NewReader(in)).Decode(&header); err != nil {
			return fail(again, "column %q: %w", c.name, err)
		}
		at, _ := section.Seek(0, io.SeekCurrent)
		at -= int64(in.Buffered())
		if err := c.checkPage(&header, meta.Codec, io.NewSectionReader(section, at,
			meta.TotalCompressedSize-at)); err != nil {
			return err
		}
		if _, err := section.Seek(at+int64(header.CompressedPageSize), io.SeekStart); err != nil {
			return fail(again, "column %q: %w", c.name, err)
		}
		in.Reset(section)
	}
}

// metadata finds what the footer says of the chunk.
func (c *column) metadata(chunk *parquet.FileColumnChunk) *format.ColumnMetaData {
	for i, group := range c.parquet.RowGroups() {
		if group.ColumnChunks()[c.index] == parquet.ColumnChunk(chunk) {
			groups := c.parquet.Metadata().RowGroups
			if i < len(groups) && c.index < len(groups[i].Columns) {
				return &groups[i].Columns[c.index].MetaData
			}
		}
	}
	return nil
}

// checkPage looks at one page, whose content begins at the beginning of data.
func (c *column) checkPage(h *format.PageHeader, codec format.CompressionCodec, data *io.SectionReader) error {
	values := max(h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues)
	size, packed := int64(h.UncompressedPageSize), int64(h.CompressedPageSize)
	if packed < 0 || size < 0 || values < 0 || packed > data.Size() {
		return fail(again, "column %q: a page declares %d bytes where there are %d", c.name, packed, data.Size())
	}
	if size > mostPage || values > mostValues {
		return fail("write the file with smaller pages",
			"column %q: a page has %d bytes and %d values: want at most %d "+
				"and %d", c.name, size, values, mostPage, mostValues)
	}
	skip := int64(0)
	if v2 := h.DataPageHeaderV2; v2.Valid {
		skip = int64(v2.V.RepetitionLevelsByteLength) + int64(v2.V.DefinitionLevelsByteLength)
		if v2.V.IsCompressed.Valid && !v2.V.IsCompressed.V {
			codec = format.Uncompressed
		}
		if v2.V.RepetitionLevelsByteLength < 0 || v2.V.DefinitionLevelsByteLength < 0 || skip > min(packed, size) {
			return fail(again, "column %q: the levels of a page are longer than the page", c.name)
		}
	}
	got, err := unpacked(codec, io.NewSectionReader(data, skip, packed-skip), size-skip)
	if err != nil {
		return fail(again, "column %q: a page cannot be unpacked: %w", c.name, err)
	}
	if got > size-skip {
		return fail(again, "column %q: a page unpacks to more than the %d bytes that it declares", c.name, size)
	}
	return nil
}

// errCodec is the error of compressions that are not read.
var errCodec = errors.New("only the compressions snappy, gzip and zstd are read: write the file with one of them")

// unpacked returns how many bytes a page unpacks to, and stops counting above most.
func unpacked(codec format.CompressionCodec, data *io.SectionReader, most int64) (int64, error) {
	if data.Size() == 0 {
		return 0, nil
	}
	switch codec {
	case format.Uncompressed:
		return data.Size(), nil
	case format.Snappy:
		var head [10]byte
		n, err := data.ReadAt(head[:], 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		size, err := snappy.DecodedLen(head[:n])
		return int64(size), err
	case format.Gzip:
		r, err := gzip.NewReader(data)
		if err != nil {
			return 0, err
		}
		return io.Copy(io.Discard, io.LimitReader(r, most+1))
	case format.Zstd:
		r, err := zstd.NewReader(data, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<27),
			zstd.WithDecoderLowmem(true))
		if err != nil {
			return 0, err
		}
		defer r.Close()
		return io.Copy(io.Discard, io.LimitReader(r, most+1))
	}
	return 0, errCodec
}
