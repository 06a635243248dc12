package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// ExportMark is in every page that an export writes, in its first kilobyte. A page with the mark may be replaced.
const ExportMark = `<meta name="generator" content="runs export">`

// The parts of app/index.html that an export replaces.
const (
	pageHead   = `<meta charset="utf-8">`
	pageStyle  = `<link rel="stylesheet" href="app.css">`
	pageApp    = `<div id="app"></div>`
	pageScript = `<script src="app.js"></script>`
)

// exportPolicy allows no request, and only the scripts and styles named.
const exportPolicy = "default-src 'none'; script-src %s; style-src %s; img-src blob: data:; " +
	"media-src blob:; connect-src %s; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"

func replaced(text string, parts ...string) ([]byte, error) {
	for i := 0; i < len(parts); i += 2 {
		if strings.Count(text, parts[i]) != 1 {
			return nil, fmt.Errorf("the page does not contain %q once", parts[i])
		}
	}
	return []byte(strings.NewReplacer(parts...).Replace(text)), nil
}

func head(scripts, styles, connect string) string {
	return pageHead + "\n" + ExportMark + "\n<meta http-equiv=\"Content-Security-Policy\" content=\"" +
		fmt.Sprintf(exportPolicy, scripts, styles, connect) + "\">\n<meta name=\"referrer\" content=\"no-referrer\">\n" +
		`<link rel="icon" href="data:,">`
}

// source is the hash of an inline script or style, as a policy names it.
func source(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// onePage returns the page with everything in it. The index and the first blocks come before the script, so that the
// page shows the runs while the browser still reads the rest.
func onePage(p *packedParts, start string) ([]byte, error) {
	data := func(id string, block []byte) string {
		return fmt.Sprintf("<script type=\"text/plain\" id=\"runs-%s\" data-bytes=\"%d\">\n%s\n</script>\n", id, len(block),
			packText(block))
	}
	app := bytes.TrimSpace(script)
	css := bytes.TrimSpace(style)
	for _, s := range []string{"</script", "<!--"} {
		if bytes.Contains(bytes.ToLower(app), []byte(s)) {
			return nil, fmt.Errorf("the script contains %q, which ends it in a page", s)
		}
	}
	if bytes.Contains(bytes.ToLower(css), []byte("</style")) {
		return nil, fmt.Errorf("the style contains its own end")
	}
	var before, after strings.Builder
	before.WriteString(data("index", p.root))
	for i, block := range p.blocks {
		b := &after
		if i < p.first || i >= p.answers {
			b = &before
		}
		b.WriteString(data(fmt.Sprint(i), block))
	}
	return replaced(string(page), pageHead, head(source(app), source(css), "'none'"),
		pageStyle, "<style>"+string(css)+"</style>", pageApp, appElement("", start),
		pageScript, before.String()+"<script>"+string(app)+"</script>\n"+after.String())
}

// File is a file of an exported folder.
type File struct {
	Path string // relative to the folder, with slashes
	Body []byte
}

// ExportFolder is the beginning of the name of the folder that holds the data of an exported folder. The rest of the
// name is a digest of it, so that a browser or a host never mixes two exports.
const ExportFolder = "runs-"

// folderPage returns the files of an exported folder. The page is the last: once it is written, the export is complete.
func folderPage(p *packedParts, start string) ([]File, error) {
	files := []File{{"app.css", style}, {"app.js", script}, {"index.bin", p.root}}
	for i, block := range p.blocks {
		files = append(files, File{fmt.Sprintf("%d.bin", i), block})
	}
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%s %d\n", f.Path, len(f.Body))
		sum.Write(f.Body)
	}
	dir := ExportFolder + hex.EncodeToString(sum.Sum(nil)[:8])
	for i := range files {
		files[i].Path = dir + "/" + files[i].Path
	}
	index, err := replaced(string(page), pageHead, head("'self'", "'self'", "'self'"),
		pageStyle, `<link rel="stylesheet" href="`+dir+`/app.css">`,
		pageApp, appElement(dir, start),
		pageScript, `<script src="`+dir+`/app.js"></script>`)
	if err != nil {
		return nil, err
	}
	return append(files, File{"index.html", index}), nil
}

// appElement returns the element of the page. It says where the data are, if they are in a folder, and which page is
// shown first.
func appElement(dir, start string) string {
	if dir == "" {
		return `<div id="app" data-start="` + start + `"></div>`
	}
	return `<div id="app" data-start="` + start + `" data-runs="` + dir + `">` + openedAsFile + `</div>`
}

// openedAsFile is shown until the script has read the data, which a browser refuses for a page opened as a file.
const openedAsFile = `<p>Reading the runs… If nothing else appears, this page was opened as a file. ` +
	`Serve its folder, for example with “python3 -m http.server”, or write one file with ` +
	`“runs export html -o runs.html”.</p>`
