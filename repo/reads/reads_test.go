package reads

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestReader: what a program wrote before it read it is not an input, a torn record waits for its rest, and a path may
// have any bytes but NUL.
func TestReader(t *testing.T) {
	dir := t.TempDir()
	r := Reader{Dir: filepath.Join(dir, "none")}
	if err := r.Next(); err != nil || r.Processes != 0 {
		t.Fatalf("no folder: %v, %d processes", err, r.Processes)
	}
	r.Dir = dir
	write(t, dir, "1-a", "H\x00R/d/in\x00W/d/made\x00R/d/made\x00R/d/odd\n\xff\x00Rrelative\x00R/d/to")
	write(t, dir, "2-b", "H\x00W/d/in\x00S/d/x.db\x00N2\x00N7\x00Nx\x00L/d\x00?/d/y\x00R/d/../d/z\x00")
	write(t, dir, "3-c", "")
	if err := r.Next(); err != nil {
		t.Fatal(err)
	}
	want := []string{"/d/in", "/d/odd\n\xff", "/d/x.db", "/d/z"}
	if diff := cmp.Diff(want, r.Inputs()); diff != "" {
		t.Error(diff)
	}
	if r.Processes != 2 || r.Withheld() != 7 || r.Partial || !r.Listed["/d"] {
		t.Errorf("%d processes, %d withheld, partial %v, listed %v", r.Processes, r.Withheld(), r.Partial, r.Listed)
	}
	write(t, dir, "1-a", "rn\x00")
	write(t, dir, "3-c", "X\x00")
	if err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(r.Inputs(), "/d/torn") || !r.Partial || r.Processes != 3 {
		t.Errorf("%q, partial %v, %d processes", r.Inputs(), r.Partial, r.Processes)
	}
}

// TestCompact: joining the files of processes that have ended changes nothing of what a reader finds.
func TestCompact(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".reads")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for pid := 1; pid <= 150; pid++ {
		write(t, dir, fmt.Sprintf("%d-aa-here", pid), fmt.Sprintf(
			"H\x00R/d/%d\x00R/d/all\x00W/d/made%d\x00R/d/made%d\x00S/d/x.db\x00N1\x00D/d/%d\x00", pid, pid, pid, pid))
	}
	write(t, dir, "7-aa-elsewhere", "H\x00R/d/far\x00")
	var before, after Reader
	before.Dir, after.Dir = dir, dir
	if err := before.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := before.Compact("here", func(pid int) bool { return pid != 3 }); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%v, %v", entries, err)
	}
	write(t, dir, "3-aa-here", "R/d/late\x00")
	if err := after.Next(); err != nil {
		t.Fatal(err)
	}
	if err := before.Next(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.Uses, after.Uses); diff != "" || after.Withheld() != 150 || before.Withheld() != 150 {
		t.Errorf("%d and %d withheld: %s", before.Withheld(), after.Withheld(), diff)
	}
	if after.Uses["/d/late"] != Read || after.Uses["/d/made5"]&Made == 0 || len(after.Inputs()) != 154 {
		t.Errorf("%d inputs", len(after.Inputs()))
	}
}

// FuzzReader: no bytes make the reader fail or give a path that is not absolute.
func FuzzReader(f *testing.F) {
	f.Add([]byte("H\x00R/a\x00W/b\x00N3\x00"))
	f.Add([]byte("X\x00\x00\x00R\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		write(t, dir, "1", string(data))
		r := Reader{Dir: dir}
		if err := r.Next(); err != nil {
			t.Fatal(err)
		}
		for _, path := range r.Inputs() {
			if !filepath.IsAbs(path) || strings.Contains(path, "\x00") {
				t.Errorf("%q", path)
			}
		}
	})
}

// secretNames are names that secrets have, and others that only look like them. test_reads.py of the client
// has the same.
var secretNames = map[string]bool{
	"server.pem": true, "id_rsa": true, "id_ed25519.pub": true, "aws_credentials.json": true, "hf_token": true,
	"token": true, "my-token.txt": true, "stored_tokens": true, "tokens.json": true, "client_secret_1.json": true,
	"chord.key": true, "passwords.csv": true, "prod.env": true, "api_key.txt": true, "keystore.p12": true, "a.kdbx": true,
	"KubeConfig": true, "_netrc": true, "SECRET": true,
	"tokenizer.json": false, "train_tokens.bin": false, "special_tokens_map.json": false, "keypoints.csv": false,
	"monkey.png": false, "environment.csv": false, "train.csv": false, "x.npy": false, "bypass.csv": false,
	"tokenized.arrow":      false,
	"creds.json":           true,
	"pw.txt":               true,
	"AuthKey_ABC.p8":       true,
	"x.pkcs8":              true,
	"x.pkcs12":             true,
	"x.jceks":              true,
	"pgpass_x":             true,
	"vault_pass":           true,
	"gh_pat.txt":           true,
	"deploy_key":           true,
	"x.tfstate":            true,
	"x.tfvars":             true,
	"service-account.json": true,
	"gcp-1.json":           true,
	"auth.json":            true,
	"oauth.json":           true,
	"session.json":         true,
	"cookies.txt":          true,
	"jwt.txt":              true,
	"bearer1":              true,
	"a_webhook.txt":        true,
	"wallet.dat":           true,
	"local_settings.py":    true,
	"login.json":           true,
	"env.sh":               true,
	"sessions.csv":         false,
	"patch_1.png":          false,
	"patient_pass1.csv":    true,
	"author.json":          false,
	"compass.csv":          false,
}

func TestSecret(t *testing.T) {
	for name, want := range secretNames {
		if Secret(name, true) != want {
			t.Errorf("Secret(%q) = %v", name, !want)
		}
	}
}

func TestMay(t *testing.T) {
	p := Places{Root: "/home/ada/code/proj", Home: "/home/ada", Temp: "/scratch/tmp"}
	for path, want := range map[string]bool{
		"/home/ada/code/proj/data/x.csv":                  true,
		"/home/ada/code/proj/x.csv":                       true,
		"/home/ada/code/proj/.env":                        false,
		"/home/ada/code/proj/.hidden/x.csv":               false,
		"/home/ada/code/proj/secrets/x.csv":               false,
		"/home/ada/code/proj/.dvc/cache/files/md5/ab/cd":  true,
		"/home/ada/code/other/x.csv":                      true,
		"/home/ada/x.csv":                                 false,
		"/home/x.csv":                                     false,
		"/x.csv":                                          false,
		"/home/ada/.aws/credentials":                      false,
		"/home/ada/.ssh/config":                           false,
		"/home/ada/.config/x/y.csv":                       false,
		"/home/ada/.netrc":                                false,
		"/etc/passwd":                                     false,
		"/usr/share/x.csv":                                false,
		"/var/data/x.csv":                                 false,
		"/dev/shm/set/x.csv":                              true,
		"/dev/shm/x.csv":                                  true,
		"/dev/null":                                       false,
		"/opt/data/x.csv":                                 false,
		"/proc/cpuinfo":                                   false,
		"/tmp/x/y.csv":                                    false,
		"/scratch/tmp/x/y.csv":                            false,
		"/scratch/data/x.csv":                             true,
		"/mnt/big/x.csv":                                  true,
		"/home/ada/.cache/huggingface/hub/models--a--b/x": true,
		"/home/ada/.cache/huggingface/token":              false,
		"/home/ada/.cache/huggingface/stored_tokens":      false,
		"/home/ada/.cache/torch/hub/checkpoints/r.pth":    true,
		"/home/ada/.keras/datasets/mnist.npz":             true,
		"/home/ada/.keras/keras.json":                     false,
		"/home/ada/nltk_data/corpora/brown/a":             true,
		"/home/ada/code/proj/data/my_token.txt":           false,
		"/home/ada/.cache/huggingface/hub/.locks/x":       true,
		"/home/ada/code/proj/node/.cache/torch/hub/x":     false,
	} {
		if p.May(path) != want {
			t.Errorf("May(%q) = %v", path, !want)
		}
	}
	p.Root = "/tmp/t1/proj" // beside a project in a folder for temporary files
	if !p.May("/tmp/t1/data/x.csv") || p.May("/scratch/tmp/x/y.csv") {
		t.Error("of the folders for temporary files, only that of the project has data")
	}
	for _, dir := range []string{"/", "/home", "/home/ada"} {
		if p.MayBeDataset(dir) {
			t.Errorf("%s is a dataset", dir)
		}
	}
}

// TestPlaces: data in folders of the system is told from what the system and its programs keep there.
func TestPlaces(t *testing.T) {
	p := Places{Root: "/home/ada/code/proj", Home: "/home/ada", Temp: "/scratch/tmp"}
	for path, want := range map[string]place{
		"/mnt/big/x.csv": ordinary, "/data/x.csv": ordinary, "/dev/shm/x": ordinary, "/srv/x/y": ordinary,
		"/opt/data/x.csv": unnamed, "/usr/local/share/dataset/x": unnamed, "/usr/local/data/x": unnamed,
		"/var/lib/misc/x": unnamed, "/var/lib/docker/volumes/x": unnamed, "/var/log/app/x.log": unnamed,
		"/run/lock/x": unnamed, "/run/media/ada/x": unnamed, "/home/ada/x.csv": unnamed, "/x.csv": unnamed,
		"/tmp/x/y.csv": unnamed, "/scratch/tmp/y": unnamed, "/private/var/lib/misc/x": unnamed,
		"/usr/share/zoneinfo/UTC": ofMachine, "/usr/lib/locale/locale-archive": ofMachine, "/etc/ld.so.cache": ofMachine,
		"/proc/self/maps": ofMachine, "/sys/devices/x": ofMachine, "/dev/null": ofMachine, "/usr/local/bin/x": ofMachine,
		"/usr/local/lib/python3.12/os.py": ofMachine, "/usr/local/share/locale/de/x.mo": ofMachine,
		"/var/cache/fontconfig/x": ofMachine, "/var/lib/sss/mc/passwd": ofMachine, "/run/systemd/resolve/x": ofMachine,
		"/usr/local/cuda-12.4/nvvm/x": ofMachine, "/private/var/folders/x": ofMachine, "/nix/store/x": ofMachine,
	} {
		if got := p.outside(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	for path, want := range map[string]bool{
		"/home/ada/.config/x": true, "/home/bob/.pyenv/version": true, "/root/.cargo/bin/x": true, "/root/x/.y/z": false,
		"/home/bob/x/.y": false, "/home/ada/x/.y/z": false, "/data/.h/x": false, "/home/.h/x": false,
	} {
		if p.ofPrograms(path) != want {
			t.Errorf("%s: of programs: %v", path, !want)
		}
	}
}

// TestPythonHasTheSameLists: the audit hook decides by the same names.
func TestPythonHasTheSameLists(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "..", "python", "src", "gitruns", "_reads.py"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"_SYSTEM": system, "_PLACES": dataPlaces, "_STATE": systemState, "_SETTINGS": settingNames, "_DATA": dataEndings,
		"_HUBS": hubs, "_CACHES": caches, "_OWN": ownFolders, "_TOOLS": toolFolders, "_FOLDERS": packageFolders,
	} {
		_, text, _ := strings.Cut(string(source), "\n"+name+" = (")
		text, _, _ = strings.Cut(text, ")")
		var got []string
		for _, item := range strings.Split(text, ",") {
			if item = strings.Trim(item, " \n\""); item != "" {
				got = append(got, item)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestGroup(t *testing.T) {
	var many []string
	for class := range 50 {
		for i := range 3 {
			many = append(many, fmt.Sprintf("imagenet/train/n%02d/%d.jpg", class, i))
		}
	}
	for name, c := range map[string]struct {
		files []string
		want  []string // path and number of files
	}{
		"none":   {nil, nil},
		"single": {[]string{"a.csv", "data/b.csv"}, []string{"a.csv 1", "data/b.csv 1"}},
		"folder": {
			[]string{"d/1", "d/2", "d/3", "d/4", "d/e/5"},
			[]string{"d 4", "d/e/5 1"},
		},
		"classes": {append(slices.Clone(many), "data/x.csv"), []string{"data/x.csv 1", "imagenet/train 150"}},
		"root":    {[]string{"1", "2", "3", "4"}, []string{"1 1", "2 1", "3 1", "4 1"}},
	} {
		var got []string
		total := 0
		for _, s := range Group(c.files, 4, func(dir string) bool { return dir != "" }) {
			got = append(got, fmt.Sprintf("%s %d", s.Path, s.Len()))
			total += s.Len()
			if !slices.IsSorted(s.Files) {
				t.Errorf("%s: %v is not sorted", name, s.Files)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" || total != len(c.files) {
			t.Errorf("%s: %d of %d files: %s", name, total, len(c.files), diff)
		}
	}
}

func TestNames(t *testing.T) {
	sets := []Set{
		{Path: "data/train.csv"},
		{Path: "data/test.csv"},
		{Path: "old/train.csv"},
		{Path: "img.v2", Files: []string{"1"}},
		{Path: "data/mine.csv"},
		{Path: "/mnt/ada/x/img.v2", Files: []string{"2"}},
	}
	shown := func(s Set) int {
		if strings.HasPrefix(s.Path, "/") {
			return 2
		}
		return 9
	}
	same := func(name string) string { return name }
	got := Names(sets, shown, same, func(name string, _ Set) bool { return name == "mine" || name == "x/img.v2" })
	want := []string{"train", "test", "old/train", "img.v2", "data/mine", "x/img.v2-2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
