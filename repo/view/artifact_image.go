package view

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// Bounds of an image that a page shows.
const (
	maxImageSide   = 16_384
	maxImagePixels = 64 << 20
)

// Image returns the bytes of the artifact of a run that has a SHA-256, and their media type, if ImageOf allows a page
// to show them. Otherwise the error is a *NotFoundError. Other errors are as those of Artifact.
func (v *View) Image(ctx context.Context, run, digest string) (data []byte, kind string, err error) {
	data, err = v.Artifact(ctx, run, digest)
	if err != nil {
		return nil, "", err
	}
	kind, err = ImageOf(data)
	if err != nil {
		return nil, "", missing("download the file to open it elsewhere", "showing an artifact of run %s: %v", run, err)
	}
	return data, kind, nil
}

// ErrNotImage is returned for bytes that are not a PNG, JPEG, GIF or WebP image.
var ErrNotImage = errors.New("it is not a PNG, JPEG, GIF or WebP image")

// ImageOf returns the media type of an image that a page may show, by the bytes and not by a name: image/png,
// image/jpeg, image/gif or image/webp. It returns an error for anything else, and for an image whose header names
// more pixels than a browser should have to decode.
func ImageOf(data []byte) (kind string, err error) {
	var width, height int
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")) && len(data) >= 24 && string(data[12:16]) == "IHDR":
		kind = "image/png"
		width, height = int(binary.BigEndian.Uint32(data[16:])), int(binary.BigEndian.Uint32(data[20:]))
	case len(data) >= 10 && (bytes.HasPrefix(data, []byte("GIF87a")) || bytes.HasPrefix(data, []byte("GIF89a"))):
		kind = "image/gif"
		width, height = int(binary.LittleEndian.Uint16(data[6:])), int(binary.LittleEndian.Uint16(data[8:]))
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		kind = "image/jpeg"
		width, height = jpegSize(data)
	case len(data) >= 30 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		kind = "image/webp"
		width, height = webpSize(data)
	default:
		return "", ErrNotImage
	}
	switch {
	case width <= 0 || height <= 0:
		return "", ErrNotImage
	case width > maxImageSide || height > maxImageSide || width*height > maxImagePixels:
		return "", fmt.Errorf("the image has %d x %d pixels, and at most %d x %d and %d in all are shown", width, height,
			maxImageSide, maxImageSide, maxImagePixels)
	}
	return kind, nil
}

// jpegSize reads the size in the first frame header. It is 0 if there is none.
func jpegSize(data []byte) (width, height int) {
	for at := 2; at+9 < len(data); {
		if data[at] != 0xff {
			return 0, 0
		}
		marker := data[at+1]
		switch {
		case marker == 0xff: // fill
			at++
			continue
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd8: // without a length
			at += 2
			continue
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			return int(binary.BigEndian.Uint16(data[at+7:])), int(binary.BigEndian.Uint16(data[at+5:]))
		case marker == 0xda || marker == 0xd9: // the pixels begin
			return 0, 0
		}
		at += 2 + max(2, int(binary.BigEndian.Uint16(data[at+2:])))
	}
	return 0, 0
}

// webpSize reads the size in the first chunk, which has one of three forms.
func webpSize(data []byte) (width, height int) {
	const mask = 1<<14 - 1
	switch string(data[12:16]) {
	case "VP8 ":
		return int(binary.LittleEndian.Uint16(data[26:])) & mask, int(binary.LittleEndian.Uint16(data[28:])) & mask
	case "VP8L":
		bits := binary.LittleEndian.Uint32(data[21:])
		return int(bits&mask) + 1, int(bits>>14&mask) + 1
	case "VP8X":
		size := func(at int) int { return 1 + int(data[at]) + int(data[at+1])<<8 + int(data[at+2])<<16 }
		return size(24), size(27)
	}
	return 0, 0
}
