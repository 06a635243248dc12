package secret

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"
)

// Nothing here looks like a living secret in the source: each is put together from its parts, with letters drawn anew.

var drawn = rand.New(rand.NewPCG(7, 11))

func draw(a alphabet, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = a[drawn.IntN(len(a))]
	}
	return string(b)
}

func checksummed(prefix string) string {
	body := draw(base62, 30)
	sum := crc32.ChecksumIEEE([]byte(body))
	var tail [6]byte
	for i := 5; i >= 0; i-- {
		tail[i] = base62[sum%62]
		sum /= 62
	}
	return prefix + body + string(tail[:])
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// planted are secrets of one kind each: the rule, and what stands in a file.
func planted() [][2]string {
	hex, d := lowerHex, draw
	jwt := encoded(`{"alg":"HS256","typ":"JWT"}`) + "." + encoded(`{"sub":"`+d(base62, 12)+`"}`) + "." + d(urlSafe, 43)
	key := func(label string, lines int) string {
		text := "-----BEGIN " + label + "-----\n"
		for range lines {
			text += d(base62+"+/", 64) + "\n"
		}
		return text + "-----END " + label + "-----"
	}
	bot := base64.RawURLEncoding.EncodeToString([]byte(d(digits, 18)))
	return [][2]string{
		{"github-token", checksummed("gh" + "p_")},
		{"github-token", checksummed("gh" + "s_")},
		{"github-fine-grained-token", "github" + "_pat_" + d(base62, 22) + "_" + d(base62, 59)},
		{"gitlab-token", "glpat" + "-" + d(base62, 20)},
		{"npm-token", checksummed("np" + "m_")},
		{"pypi-token", "pypi" + "-AgEIcHlwaS5vcmc" + d(urlSafe, 140) + "A"},
		{"rubygems-token", "rubygems" + "_" + d(hex, 48)},
		{"docker-token", "dckr" + "_pat_" + d(base62, 27)},
		{"aws-access-key", "AK" + "IA" + d(upper+"234567", 14) + "Q7"},
		{"aws-secret-key", "aws_secret_access_key = " + d(base62, 40)},
		{"google-api-key", "AI" + "za" + d(base62, 35)},
		{"google-oauth-secret", "GOC" + "SPX-" + d(base62, 28)},
		{"slack-token", "xox" + "b-" + d(digits, 12) + "-" + d(digits, 12) + "-" + d(base62, 24)},
		{
			"slack-webhook",
			"https://hooks.slack" + ".com/services/T" + d(upper36, 8) + "/B" + d(upper36, 10) + "/" + d(base62, 24),
		},
		{"stripe-key", "sk" + "_live_" + d(base62, 24)},
		{"stripe-key", "rk" + "_live_" + d(base62, 24)},
		{"huggingface-token", "h" + "f_" + d(upper+lower, 34)},
		{"openai-key", "s" + "k-" + d(base62, 20) + "T3Blbk" + "FJ" + d(base62, 20)},
		{"openai-key", "s" + "k-proj-" + d(urlSafe, 74) + "T3Blbk" + "FJ" + d(base62, 74)},
		{"anthropic-key", "s" + "k-ant-api03-" + d(base62, 93) + "AA"},
		{"openrouter-key", "s" + "k-or-v1-" + d(hex, 64)},
		{"sk-key", "s" + "k-" + d(hex, 32)},
		{"wandb-key", "WANDB_API_KEY=" + d(hex, 40)},
		{"wandb-key", "wandb login " + d(hex, 40)},
		{"wandb-key", "wandb" + "_v1_" + d(base62, 72)},
		{
			"neptune-token",
			base64.StdEncoding.EncodeToString(
				[]byte(
					`{"api_address":"https://app.neptune.ai","api_url":"https://app.neptune.ai","api_key":"` + d(
						hex,
						36,
					) + `"}`,
				),
			),
		},
		{"comet-key", `COMET_API_KEY="` + d(base62, 25) + `"`},
		{"databricks-token", "da" + "pi" + d(hex, 32)},
		{"azure-storage-key", "DefaultEndpointsProtocol=https;AccountName=ab;AccountKey=" + d(base62+"+/", 86) + "=="},
		{
			"azure-sas",
			"https://ab.blob.core.windows.net/c?sv=2022-11-02&sig=" + d(base62, 40) + "%2B" + d(base62, 2) + "%3D",
		},
		{"azure-client-secret", d(base62, 3) + "8Q" + "~" + d(base62, 34)},
		{"sendgrid-key", "S" + "G." + d(base62, 22) + "." + d(base62, 43)},
		{"twilio-key", "S" + "K" + d(hex, 32)},
		{"mailgun-key", "ke" + "y-" + d(hex, 32)},
		{"mailchimp-key", d(hex, 32) + "-us" + "12"},
		{"digitalocean-token", "dop" + "_v1_" + d(hex, 64)},
		{
			"heroku-key",
			"HEROKU_API_KEY=" + d(hex, 8) + "-" + d(hex, 4) + "-" + d(hex, 4) + "-" + d(hex, 4) + "-" + d(hex, 12),
		},
		{"vault-token", "hv" + "s." + d(base62, 90)},
		{"terraform-token", d(base62, 14) + ".atlas" + "v1." + d(base62, 67)},
		{"shopify-token", "shp" + "at_" + d(hex, 32)},
		{"square-token", "sq0" + "csp-" + d(base62, 43)},
		{"telegram-token", d("123456789", 10) + ":A" + "A" + d(base62, 33)},
		{"discord-token", "MT" + d(upper, 4) + d(base62, 12) + d(lower, 6) + "." + d(base62, 6) + "." + d(base62, 38)},
		{"discord-token", bot + "." + d(base62, 6) + "." + d(base62, 38)},
		{"linear-key", "lin" + "_api_" + d(base62, 40)},
		{"notion-token", "nt" + "n_" + d(digits, 11) + d(base62, 35)},
		{"postman-key", "PM" + "AK-" + d(hex, 24) + "-" + d(hex, 34)},
		{"grafana-token", "gl" + "sa_" + d(base62, 32) + "_" + d(hex, 8)},
		{"newrelic-key", "NR" + "AK-" + d(upper36, 27)},
		{
			"sentry-token",
			"sntr" + "ys_" + encoded(`{"iat":1700000000.1,"url":"https://sentry.io","org":"ab"}`) + "_" + d(base62, 43),
		},
		{"datadog-key", "DD_API_KEY=" + d(hex, 32)},
		{"cloudflare-token", "CLOUDFLARE_API_TOKEN=" + d(base62, 40)},
		{"replicate-token", "r" + "8_" + d(base62, 37)},
		{"kaggle-key", `{"username":"ada","key":"` + d(hex, 32) + `"}`},
		{"kaggle-token", "KG" + "AT_" + d(hex, 32)},
		{"jwt", jwt},
		{"age-key", "AGE-SECRET" + "-KEY-1" + d("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)},
		{"1password-token", "op" + "s_" + "eyJ" + d(base62, 250)},
		{"doppler-token", "dp" + ".pt." + d(base62, 43)},
		{"pulumi-token", "pu" + "l-" + d(hex, 40)},
		{"supabase-key", "sb" + "p_" + d(hex, 40)},
		{"planetscale-token", "pscale" + "_tkn_" + d(base62, 43)},
		{"fly-token", "fo" + "1_" + d(base62, 43)},
		{"groq-key", "gs" + "k_" + d(base62, 52)},
		{"xai-key", "xa" + "i-" + d(base62, 80)},
		{"together-key", "tgp" + "_v1_" + d(urlSafe, 42) + "x"},
		{"cohere-key", "CO_API_KEY=" + d(base62, 40)},
		{"perplexity-key", "ppl" + "x-" + d(base62, 48)},
		{"private-key", key("RSA PRIVATE"+" KEY", 12)},
		{"private-key", key("OPENSSH PRIVATE"+" KEY", 6)},
		{"private-key", key("PGP PRIVATE"+" KEY BLOCK", 20)},
		{
			"private-key",
			"PuTTY-User-Key-" + "File-3: ssh-ed25519\nEncryption: none\nComment: c\nPublic-Lines: 1\n" + d(
				base62,
				60,
			) + "\nPrivate-Lines: 1\n" + d(
				base62,
				48,
			) + "\nPrivate-MAC: " + d(
				hex,
				64,
			),
		},
		{"url-password", "postgres://ada:" + d(base62, 14) + "@db.prod.acme.io:5432/x"},
		{"url-password", "https://ada:s3cr3t-pw@git.acme.io/x.git"},
		{"url-password", "postgres://bob:hunter" + "2@10.0.0.5/x"},
		{"url-password", "mysql://bob:grayheron" + "lakes@localhost:3306/x"},
		{"url-password", "amqp://bob:gray" + "@queue:5672"},
		{"url-password", "redis://:81" + "3479@cache/0"},
		{"url-password", "https://bob:heron" + "@lake@git.acme.io/x"},
		{"password", "curl -u ada:hunter" + "2 https://a.acme.io"},
		{"secret-key", `api_key = "` + d(base62, 32) + `"`},
		{"password", `password: '` + d(base62, 8) + "Qz7&k1'"},
		{"password", "DB_PASS=" + d(base62, 20)},
		{"password", `MYSQL_ROOT_PASS: "` + d(base62, 20) + `"`},
		{"password", `smtpPw = "` + d(base62, 20) + `"`},
		{"password", "curl -s -u ada:" + d(base62, 20) + " https://a.acme.io"},
		{"password", `["curl", "-u", "ada:` + d(base62, 20) + `"]`},
		{"password", "--password gray" + "Heron7"},
		{"password", "--db-password=gray" + "!heron"},
		{"password", `password: "gray` + `heron7"`},
		{"password", `"password": "gray` + `heron!x"`},
		{"password", `db_pw = "gray` + `heron77"`},
		{"password", "DB_PASSWORD=gray" + "heron7"},
		{"password", `["mysql", "-uroot", "-pgray` + `Heron7"]`},
		{"password", "mysqldump -h db -pgray" + "Heron7 shop"},
		{"secret-value", `"client_secret": "` + d(base62, 24) + `",`},
		{"secret-value", "--auth-token " + d(base62, 24)},
		{"secret-value", `"--auth-token", "` + d(base62, 24) + `"`},
		{"secret-value", "curl -H 'Authorization: Bearer " + d(base62, 30) + "'"},
	}
}

func search(t *testing.T, text string, kind Kind) []Find {
	t.Helper()
	finds, err := Search(t.Context(), strings.NewReader(text), int64(len(text)), kind)
	if err != nil {
		t.Fatal(err)
	}
	return finds
}

// TestEveryKindIsFoundEverywhere plants each secret in the places of a run that hold what people write.
func TestEveryKindIsFoundEverywhere(t *testing.T) {
	toml := func(s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
	}
	places := map[string]func(string) string{
		"command": func(s string) string {
			return "schema = 1\ncommand = [\"python\", \"train.py\", " + toml("--x="+s) + "]\n"
		},
		"param":  func(s string) string { return "[params]\nnext = {deep = " + toml(s) + ", lr = 0.1}\n" },
		"tag":    func(s string) string { return "[tags]\nhow = " + toml(s) + "\n" },
		"note":   func(s string) string { return "note = " + toml("it ran with "+s+".") + "\n" },
		"patch":  func(s string) string { return patchOf("train.py", "import os\n"+s+"\nprint(1)\n") },
		"output": func(s string) string { return "epoch 1\r\n\x1b[32m" + s + "\x1b[0m\nepoch 2\n" },
		"end":    func(s string) string { return s },
	}
	kinds := map[string]bool{}
	for _, p := range planted() {
		rule, text := p[0], p[1]
		kinds[rule] = true
		prints := map[string]bool{}
		for place, put := range places {
			kind := Plain
			if place == "patch" {
				kind = Patch
			}
			finds := search(t, put(text), kind)
			if len(finds) != 1 || finds[0].Rule != rule {
				t.Errorf("%s in a %s: %+v\n%s", rule, place, finds, put(text))
				continue
			}
			prints[finds[0].Fingerprint] = true
			if place == "patch" &&
				(finds[0].Source != "train.py" || finds[0].SourceLine != 2 || finds[0].Change != '+') {
				t.Errorf("%s in a patch is at %+v", rule, finds[0])
			}
		}
		if len(prints) != 1 {
			t.Errorf("%s has %d fingerprints", rule, len(prints))
		}
	}
	if len(kinds) < 50 {
		t.Errorf("only %d kinds are planted", len(kinds))
	}
}

// patchOf is the patch that adds a file.
func patchOf(name, text string) string {
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"diff --git a/%s b/%s\nnew file mode 100644\nindex %040d..%040d\n--- /dev/null\n+++ b/%s\n@@ -0,0 +1,%d @@\n",
		name, name, 0, 1, name, strings.Count(text, "\n"),
	)
	for line := range strings.Lines(text) {
		b.WriteString("+" + line)
	}
	return b.String()
}

func TestWhatIsNoSecretIsNotFound(t *testing.T) {
	for _, text := range []string{
		"AKIAIOSFODNN7EX" + "AMPLE", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEX" + "AMPLEKEY",
		"ghp_" + strings.Repeat("x", 36), "ghp_" + strings.Repeat("a1", 18), "ghp_" + draw(base62, 20),
		"ghp_" + draw(base62, 35) + "-", "xghp_" + draw(base62, 40),
		"sk-" + strings.Repeat("0", 48), "sk-top-container", "sk-estimator-doc-link-ed25519",
		"hf_" + "your_token_here_your_token_here_1234", "hf_hub_download_from_a_repository_x",
		"api_key = \"your-api-key-goes-here-123\"", "token = os.environ[\"HF_TOKEN_2024_a1b2c3\"]",
		"password=<password>", "password = ${DB_PASSWORD_1a2B}", "secret: {{ secrets.S3_k3y_Value }}",
		"eos_token = \"<|endoftext|>\"", "max_tokens = 4096", "tokenizer = \"bert-base-uncased-v2-2024\"",
		"token_url = \"https://auth.acme.io/v1/Ab3dEf9h\"",
		"api_key = self.config.get_api_key_v2()", "key = \"" + draw(lowerHex, 32) + "\"",
		"sha256 = \"" + draw(lowerHex, 64) + "\"", "commit = \"" + draw(lowerHex, 40) + "\"",
		"wandb @ git+https://github.com/wandb/wandb@" + draw(lowerHex, 40), "https://user:password@example.com/x",
		"postgresql://scott:tiger@localhost/test", "http://host:8080/a@b", "https://u:${TOKEN}@github.com/x",
		"https://user:pass@proxy.acme.io", "redis://:1234@cache", "https://a.io/x:y@z",
		"postgres://app:app@db/app", "https://ada:grayheron@example.org/", "mysql://root:root@127.0.0.1", "x://a:b@c.io",
		"https://ada:grayheron@db.test/x", "ssh://git@host.io:22/a@b", "http://u:{pw}@h.io", "https://u:xxxxxxxx@h.io",
		"-----BEGIN " + "PRIVATE KEY-----\n...\n-----END", "if line == '-----BEGIN RSA " + "PRIVATE KEY-----':",
		"eyJ" + draw(base62, 30),
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" +
			".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ." + draw(urlSafe, 43),
		"author = \"A1b2C3d4E5f6 <a@b.c>\"", "password: str = None", "password: str", "password=None",
		"password = request.password", "password=password2", "password: string2,", `password = "password_change"`,
		`"password": "django.contrib.auth1"`,
		`{"password": "hunter_field"}`, "DB_PASS=$PASS1", "--password ${DB_PASSWORD1}", "--password PASSWORD",
		"curl -u user:password https://a.io", "curl -u $USER:$PASS", "mysql -p shop2024x", "mysql -port 3306",
		`compass = "north-2by-west"`,
		`('user', 'password', 'localhost:22')`, "bypass=graph42break", "low_pass = filter2(x9)",
		"password=hunter22x)", `password_hint = "gray7heron"`, `help="--password file2read"`[:8],
		"passwords = [\"a1b2\", 'c3d4']", "secretsauce", "data:image/png;base64," + draw(base62, 400),
		"Password for 'https://ada@git.acme.io': ",
		"token_ids = [101, 2023, 2003]", "SK" + draw(upper, 32), "password == \"" + draw(base62, 20) + "\"",
	} {
		for _, f := range search(t, text+"\n", Plain) {
			t.Errorf("%s in %q", f.Rule, text)
		}
	}
}

// TestABinaryPartOfAPatchIsSearched looks into a file that git packs.
func TestABinaryPartOfAPatchIsSearched(t *testing.T) {
	data := "\x00\x01" + strings.Repeat("noise ", 5000) + planted()[0][1] + "\x00 end"
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = io.WriteString(z, data)
	_ = z.Close()
	text := fmt.Sprintf(
		"diff --git a/model.bin b/model.bin\nnew file mode 100644\nindex %040d..%040d\nGIT binary patch\nliteral "+
			"%d\n%s\nliteral 0\n%s\n",
		0, 1, len(data), pack(packed.Bytes()), "HcmV?d00001\n",
	)
	finds := search(t, text, Patch)
	if len(finds) != 1 || finds[0].Rule != "github-token" || finds[0].Source != "model.bin" || finds[0].Line != 5 ||
		finds[0].To != 0 {
		t.Errorf("%+v", finds)
	}
	torn := strings.Replace(text, pack(packed.Bytes())[5:20], "               ", 1)
	if _, err := Search(t.Context(), strings.NewReader(torn), int64(len(torn)), Patch); err == nil {
		t.Error("a damaged part is passed over")
	}
}

// pack writes git's base 85.
func pack(data []byte) string {
	var b strings.Builder
	for len(data) > 0 {
		n := min(len(data), 52)
		c := byte('A' + n - 1)
		if n > 26 {
			c = byte('a' + n - 27)
		}
		b.WriteByte(c)
		line := append(bytes.Clone(data[:n]), 0, 0, 0)
		for i := 0; i < n; i += 4 {
			v := uint32(line[i])<<24 | uint32(line[i+1])<<16 | uint32(line[i+2])<<8 | uint32(line[i+3])
			var five [5]byte
			for j := 4; j >= 0; j-- {
				five[j] = base85[v%85]
				v /= 85
			}
			b.Write(five[:])
		}
		b.WriteByte('\n')
		data = data[n:]
	}
	return b.String()
}

func TestUTF16IsSearched(t *testing.T) {
	data := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune("größe 𝄞\ntoken " + planted()[0][1] + "\n")) {
		data = append(data, byte(u), byte(u>>8))
	}
	finds, err := Search(t.Context(), bytes.NewReader(data), int64(len(data)), Plain)
	if err != nil || len(finds) != 1 || finds[0].Line != 2 || finds[0].Column != 7 || finds[0].To != 0 {
		t.Errorf("%+v, %v", finds, err)
	}
}

// TestASecretAcrossABlockIsFound puts secrets where one read ends and the next begins.
func TestASecretAcrossABlockIsFound(t *testing.T) {
	for _, p := range planted() {
		for _, at := range []int{
			block - ahead - 300, block - ahead - 20, block - ahead - 1, block - ahead, block - 30, block - 1, block,
		} {
			text := strings.Repeat("epoch 1 \n", at/9+1)[:at-1] + "\n" + p[1] + "\nend\n" + strings.Repeat(
				"epoch 2 \n", 3*block/9,
			)
			finds := search(t, text, Plain)
			if len(finds) != 1 || finds[0].Rule != p[0] {
				t.Errorf("%s at %d: %+v", p[0], at, finds)
			}
		}
	}
}

func TestLinesOfAPatch(t *testing.T) {
	token := planted()[0][1]
	text := "diff --git a/a b.py b/a b.py\nindex 1..2 100644\n--- a/a b.py\n+++ b/a b.py\n" +
		"@@ -10,3 +20,3 @@ def f\n keep\n" +
		"-old " + token + "\n+new\n context " + token + "\n@@ -100 +110,2 @@\n" +
		"+++ " + token + "\n-gone\n+x\n" +
		"diff --git \"a/gr\\303\\266\\303\\237e\" \"b/gr\\303\\266\\303\\237e\"\n--- /dev/null\n" +
		"+++ \"b/gr\\303\\266\\303\\237e\"\n@@ -0,0 +1 @@\n+" + token + "\n\\ No newline at end of file\n"
	want := []struct {
		source       string
		line, number int64
		change       byte
	}{{"a b.py", 7, 11, '-'}, {"a b.py", 9, 22, ' '}, {"a b.py", 11, 110, '+'}, {"größe", 18, 1, '+'}}
	finds := search(t, text, Patch)
	if len(finds) != len(want) {
		t.Fatalf("%+v", finds)
	}
	for i, w := range want {
		f := finds[i]
		if f.Source != w.source || f.Line != w.line || f.SourceLine != w.number || f.Change != w.change ||
			text[f.From:f.To] != token {
			t.Errorf("%+v, want %+v", f, w)
		}
	}
}

// FuzzSearch holds the search to one result however the bytes come, and to ranges that are in them.
func FuzzSearch(f *testing.F) {
	for _, p := range planted() {
		f.Add([]byte("x = '"+p[1]+"'\n"), uint16(5), uint16(200))
	}
	f.Add([]byte("diff --git a/x b/x\nGIT binary patch\nliteral 3\nKcmV?d00001\n\n"), uint16(0), uint16(0))
	f.Fuzz(func(t *testing.T, data []byte, before, repeat uint16) {
		text := append(bytes.Repeat([]byte(" \n"), int(before)), data...)
		for range repeat % 8 {
			text = append(text, data...)
		}
		m := compiled()
		whole, err := m.searchIn(context.Background(), bytes.NewReader(text), make([]byte, len(text)+block))
		if err != nil {
			t.Fatal(err)
		}
		split, err := m.searchIn(context.Background(), bytes.NewReader(text), make([]byte, ahead+behind+64+int(before)))
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(whole) != fmt.Sprint(split) {
			t.Fatalf("%v\n%v", whole, split)
		}
		for _, kind := range []Kind{Plain, Patch} {
			finds, err := Search(context.Background(), bytes.NewReader(text), int64(len(text)), kind)
			if err != nil {
				continue
			}
			for _, f := range finds {
				if f.From < 0 || f.To > int64(len(text)) || f.From > f.To || f.Line < 1 || len(f.Fingerprint) != 16 {
					t.Fatalf("%+v", f)
				}
			}
		}
	})
}

func BenchmarkSearch(b *testing.B) {
	var text []byte
	for len(text) < 16<<20 {
		text = append(
			text,
			patchOf(
				"train.py",
				"import os\nfor epoch in range(10):  # the secret of a token is its key\n    loss = train(model, "+
					"lr=0.1, password=None)\n    print(f'epoch {epoch} loss {loss:.4f} https://example.org/a')\n",
			)...,
		)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Search(b.Context(), bytes.NewReader(text), int64(len(text)), Patch); err != nil {
			b.Fatal(err)
		}
	}
}
