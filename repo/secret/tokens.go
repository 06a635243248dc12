package secret

import (
	"bytes"
	"encoding/base64"
	"hash/crc32"
)

// token is the documented format of a provider's tokens: a prefix, and then characters of an alphabet.
type token struct {
	rule        string
	prefixes    string // separated by spaces
	alphabet    alphabet
	least, most int // characters after the prefix
	judge       func(body []byte) verdict
}

// verdict is the result of checking a candidate.
type verdict int

const (
	plausible verdict = iota
	no
	certain // its checksum is valid: neither its surroundings nor its randomness matter
)

// alphabet is a set of characters.
type alphabet string

const (
	digits   alphabet = "0123456789"
	lowerHex          = digits + "abcdef"
	anyHex            = lowerHex + "ABCDEF"
	upper    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower    alphabet = "abcdefghijklmnopqrstuvwxyz"
	upper36           = digits + upper
	lower36           = digits + lower
	base62            = digits + upper + lower
	words             = base62 + "_"
	urlSafe           = base62 + "_-"
	dotted            = urlSafe + "."
	base64s           = base62 + "+/="
)

// tokens are the formats that providers document.
func tokens() []token {
	return []token{
		{"github-token", "ghp_ gho_ ghu_ ghs_ ghr_", base62, 36, 251, endsWithChecksum},
		{"github-fine-grained-token", "github_pat_", words, 60, 251, nil},
		{
			"gitlab-token", "glpat- gldt- glrt- glptt- glft- glsoat- glcbt- glimt- glagent- gloas- glffct- glwt-",
			dotted, 20, 320, nil,
		},
		{"gitlab-runner-token", "GR1348941", urlSafe, 20, 24, nil},
		{"npm-token", "npm_", base62, 36, 36, endsWithChecksum},
		{"pypi-token", "pypi-AgEIcHlwaS5vcmc pypi-AgENdGVzdC5weXBpLm9yZw", urlSafe, 50, 1000, nil},
		{"rubygems-token", "rubygems_", lowerHex, 48, 48, nil},
		{"crates-token", "cio", base62, 32, 32, mixed},
		{"nuget-key", "oy2", lower36, 43, 43, mixed},
		{"docker-token", "dckr_pat_ dckr_oat_", urlSafe, 27, 36, nil},
		{"aws-access-key", "AKIA ASIA ABIA ACCA", upper36, 16, 16, unread},
		{"aws-access-key", "A3T", upper36, 17, 17, mixed},
		{"aws-bedrock-key", "ABSK", base64s, 109, 271, nil},
		{"aws-bedrock-key", "bedrock-api-key-", base64s + "_-", 28, 4000, nil},
		{"google-api-key", "AIza", urlSafe, 35, 35, nil},
		{"google-oauth-secret", "GOCSPX-", urlSafe, 28, 28, nil},
		{"google-access-token", "ya29.", dotted, 40, 2000, nil},
		{"slack-token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd- xapp-", base62 + "-%", 20, 300, mixed},
		{"slack-token", "xoxe.xoxp- xoxe.xoxb-", base62 + "-", 60, 300, mixed},
		{
			"slack-webhook", "hooks.slack.com/services/ hooks.slack.com/workflows/ hooks.slack.com/triggers/",
			base62 + "/", 40, 80, mixed,
		},
		{"stripe-key", "sk_live_ rk_live_ sk_prod_ rk_prod_ sk_test_ rk_test_", base62, 16, 248, nil},
		{"stripe-webhook-secret", "whsec_", base64s, 32, 64, nil},
		{"huggingface-token", "hf_ api_org_", base62, 34, 40, nil},
		{"openai-key", "sk-proj- sk-svcacct- sk-admin- sk-None-", urlSafe, 40, 260, nil},
		{"openai-key", "sk-", base62, 48, 60, contains("T3BlbkFJ")},
		{"anthropic-key", "sk-ant-", urlSafe, 40, 220, nil},
		{"openrouter-key", "sk-or-v1-", lowerHex, 64, 64, nil},
		{"langfuse-key", "sk-lf-", lowerHex + "-", 36, 36, nil},
		{"sk-key", "sk-", base62, 32, 64, mixed}, // DeepSeek, Moonshot and others that follow OpenAI
		{"wandb-key", "wandb_v1_", urlSafe, 60, 100, nil},
		{"neptune-token", "eyJhcGlfYWRkcmVzcyI6", base64s, 60, 600, nil},
		{"databricks-token", "dapi dose", lowerHex + "-", 32, 34, mixed},
		{"azure-storage-key", "AccountKey=", base64s, 86, 88, nil},
		{"azure-shared-access-key", "SharedAccessKey=", base64s, 43, 44, nil},
		{"azure-sas", "&sig= ?sig=", base62 + "%+/=", 43, 100, mixed},
		{"sendgrid-key", "SG.", dotted, 66, 66, parts(22, 43)},
		{"sendinblue-key", "xkeysib-", base62 + "-", 81, 81, nil},
		{"twilio-key", "SK AC", anyHex, 32, 32, mixed},
		{"mailgun-key", "key-", lower36, 32, 32, mixed},
		{"digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", lowerHex, 64, 64, nil},
		{"heroku-key", "HRKU-", urlSafe, 36, 70, nil},
		{"vault-token", "hvs. hvb. hvr.", urlSafe, 24, 400, nil},
		{"vault-token", "s.", base62, 24, 24, looksMixed},
		{"tailscale-key", "tskey-auth- tskey-api- tskey-client-", base62 + "-", 20, 80, nil},
		{"shopify-token", "shpat_ shpca_ shppa_ shpss_", anyHex, 32, 32, nil},
		{"square-token", "sq0atp- sq0csp-", urlSafe, 22, 44, nil},
		{"square-token", "EAAA", urlSafe, 22, 60, looksMixed},
		{"linear-key", "lin_api_ lin_oauth_", base62, 40, 64, nil},
		{"notion-token", "ntn_", base62, 40, 60, nil},
		{"notion-token", "secret_", base62, 43, 43, mixed},
		{"postman-key", "PMAK-", lowerHex + "-", 59, 59, nil},
		{"grafana-token", "glsa_", words, 41, 41, nil},
		{"grafana-token", "glc_", base64s, 32, 400, nil},
		{"grafana-token", "eyJrIjoi", base64s, 60, 400, nil},
		{"newrelic-key", "NRAK-", base62, 27, 27, nil},
		{"newrelic-key", "NRII- NRIQ-", urlSafe, 32, 32, nil},
		{"sentry-token", "sntrys_", base64s + "_-", 80, 500, nil},
		{"sentry-token", "sntryu_", lowerHex, 64, 64, nil},
		{"cloudflare-origin-key", "v1.0-", lowerHex + "-", 160, 180, nil},
		{"replicate-token", "r8_", base62, 37, 37, nil},
		{"kaggle-token", "KGAT_", lowerHex, 32, 32, nil},
		{"age-key", "AGE-SECRET-KEY-1", upper36, 58, 58, nil},
		{"1password-token", "ops_eyJ", base64s + "_-", 200, 4000, nil},
		{"1password-secret-key", "A3-", upper36 + "-", 34, 37, secretKeyOf1Password},
		{"doppler-token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", dotted, 40, 80, nil},
		{"pulumi-token", "pul-", lowerHex, 40, 40, nil},
		{"supabase-key", "sbp_", lowerHex, 40, 40, nil},
		{"supabase-key", "sb_secret_", urlSafe, 31, 60, nil},
		{"planetscale-token", "pscale_tkn_ pscale_pw_ pscale_oauth_", dotted + "=", 32, 64, nil},
		{"fly-token", "fm1r_ fm1a_ fm2_", base64s + ",", 60, 4000, nil},
		{"fly-token", "fo1_", urlSafe, 43, 43, nil},
		{"groq-key", "gsk_", base62, 48, 56, nil},
		{"xai-key", "xai-", base62, 70, 90, nil},
		{"together-key", "tgp_v1_", urlSafe, 40, 48, nil},
		{"perplexity-key", "pplx-", base62, 40, 64, nil},
		{"cerebras-key", "csk-", base62, 40, 56, nil},
		{"nvidia-key", "nvapi-", urlSafe, 60, 80, nil},
		{"langsmith-key", "lsv2_pt_ lsv2_sk_", words, 40, 60, nil},
		{"pinecone-key", "pcsk_", words, 60, 80, nil},
		{"elevenlabs-key", "sk_", lowerHex, 48, 48, nil},
		{"voyage-key", "pa-", urlSafe, 43, 43, mixed},
		{"tavily-key", "tvly-", urlSafe, 32, 60, mixed},
		{"jina-key", "jina_", urlSafe, 55, 65, nil},
		{"fireworks-key", "fw_", base62, 22, 30, mixed},
		{"runpod-key", "rpa_", base62, 40, 56, nil},
		{"modal-token", "as-", base62, 22, 22, mixed},
		{"airtable-token", "pat", base62 + ".", 79, 79, parts(14, 64)},
		{"atlassian-token", "ATATT3 ATCTT3", urlSafe + "=", 100, 250, nil},
		{"bitbucket-password", "ATBB", base62, 32, 36, mixed},
		{"dynatrace-token", "dt0c01. dt0s16.", base62 + ".", 89, 89, parts(24, 64)},
		{"easypost-key", "EZAK EZTK", base62, 54, 54, mixed},
		{"shippo-key", "shippo_live_ shippo_test_", anyHex, 40, 40, nil},
		{"mapbox-token", "sk.eyJ", dotted, 60, 200, nil},
		{"adafruit-key", "aio_", base62, 28, 28, mixed},
		{"buildkite-token", "bkua_", lowerHex, 40, 40, nil},
		{"circleci-token", "CCIPAT_ CCIPRJ_", words, 40, 80, nil},
		{"contentful-token", "CFPAT-", urlSafe, 43, 43, nil},
		{"frameio-token", "fio-u-", urlSafe, 64, 64, nil},
		{"netlify-token", "nfp_", base62, 36, 50, nil},
		{"render-key", "rnd_", base62, 28, 40, mixed},
		{"figma-token", "figd_ figo_", urlSafe, 36, 64, nil},
		{"infracost-key", "ico-", base62, 32, 32, nil},
		{"jfrog-key", "AKCp", base62, 69, 69, nil},
		{"jfrog-token", "cmVmd", base62, 59, 59, nil},
		{"prefect-key", "pnu_ pnb_", base62, 36, 36, nil},
		{"readme-key", "rdme_", lower36, 70, 70, nil},
		{"typeform-token", "tfp_", dotted, 59, 59, nil},
		{"flutterwave-key", "FLWSECK- FLWSECK_TEST-", base62 + "-", 32, 40, nil},
		{"flutterwave-key", "FLWSECK_TEST- FLWSECK", base62, 12, 20, mixed},
		{"adobe-secret", "p8e-", base62, 32, 32, nil},
		{"alibaba-access-key", "LTAI", base62, 20, 20, mixed},
		{"authress-key", "sc_ ext_ scauth_ authress_", base64s + "_-.", 52, 180, contains(".acc")},
		{"clickhouse-key", "4b1d", base62, 38, 38, mixed},
		{"clojars-token", "CLOJARS_ clojars_", base62, 60, 60, nil},
		{"dropbox-token", "sl.", urlSafe + "=", 130, 152, looksMixed},
		{"duffel-token", "duffel_live_ duffel_test_", urlSafe + "=", 43, 43, nil},
		{"facebook-page-token", "EAAM EAAC", base62, 100, 400, nil},
		{"gitlab-session", "_gitlab_session=", base62, 32, 32, nil},
		{"harness-key", "pat. sat.", dotted, 68, 68, looksMixed},
		{"intra42-secret", "s-s4t2ud- s-s4t2af-", lowerHex, 64, 64, nil},
		{"lob-key", "live_ test_", lowerHex, 35, 35, mixed},
		{"octopus-key", "API-", upper36, 26, 26, mixed},
		{"openshift-token", "sha256~", urlSafe, 43, 43, nil},
		{"plaid-token", "access-sandbox- access-development- access-production-", lowerHex + "-", 36, 36, nil},
		{"scalingo-token", "tk-us-", urlSafe, 48, 48, nil},
		{"settlemint-token", "sm_pat_ sm_aat_ sm_sat_", base62, 16, 16, unread},
		{"sourcegraph-token", "sgp_", anyHex, 40, 40, nil},
		{"sourcegraph-token", "sgp_", anyHex + "_local", 46, 57, nil},
		{"teams-webhook", ".webhook.office.com/webhookb2/", urlSafe + "/@", 150, 260, nil},
		{"yandex-key", "AQVN", urlSafe, 35, 38, looksMixed},
		{"discord-webhook", "discord.com/api/webhooks/ discordapp.com/api/webhooks/", urlSafe + "/", 78, 100, nil},
	}
}

// endsWithChecksum checks the tokens of GitHub and npm, in which the last six characters are the CRC-32 of those
// before them, in base 62. It returns plausible if the checksum is wrong, because the text may still be a token in a
// later format or of a private server.
func endsWithChecksum(body []byte) verdict {
	if len(body) != 36 {
		return plausible
	}
	sum := crc32.ChecksumIEEE(body[:30])
	for i := 35; i >= 30; i-- {
		if body[i] != checksumDigits[sum%62] {
			return plausible
		}
		sum /= 62
	}
	return certain
}

const checksumDigits = string(base62)

// mixed rejects words: a body with only letters, or with letters of one case and few digits.
func mixed(body []byte) verdict {
	n := 0
	for _, c := range body {
		if '0' <= c && c <= '9' {
			n++
		}
	}
	if n < 2 || n == len(body) {
		return no
	}
	return plausible
}

// unread rejects bodies that read as words, and numbers.
func unread(body []byte) verdict {
	if mixed(body) == no && (reads(body) || len(bytes.Trim(body, string(digits))) == 0) {
		return no
	}
	return plausible
}

func contains(part string) func([]byte) verdict {
	return func(body []byte) verdict {
		if bytes.Contains(body, []byte(part)) {
			return plausible
		}
		return no
	}
}

// parts returns a check that accepts a body of two parts separated by a dot.
func parts(first, second int) func([]byte) verdict {
	return func(body []byte) verdict {
		a, b, ok := bytes.Cut(body, []byte("."))
		if ok && len(a) == first && len(b) == second {
			return plausible
		}
		return no
	}
}

// looksMixed rejects bodies that read as words, for prefixes that occur in programs.
func looksMixed(body []byte) verdict {
	if mixed(body) == no || !looksRandom(body) {
		return no
	}
	return plausible
}

// secretKeyOf1Password checks the parts of a key, which have dashes between them: 6, 11, 5, 5 and 5 characters. The
// second part may itself be in two parts.
func secretKeyOf1Password(body []byte) verdict {
	var lengths []byte
	for part := range bytes.SplitSeq(body, []byte("-")) {
		lengths = append(lengths, 'a'+byte(len(part)))
	}
	switch string(lengths) {
	case "glfff", "ggffff":
		return plausible
	}
	return no
}

// check reports whether the prefix at w[at:] begins a token.
func (t *token) check(m *machine, w []byte, at int, prefix string) (match, bool) {
	start := at + len(prefix)
	set := m.sets[t.alphabet]
	end := start
	for end < len(w) && end-start <= t.most && set[w[end]] {
		end++
	}
	for end > start && (w[end-1] == '.' || w[end-1] == '-' || w[end-1] == '/') { // belongs to the sentence around it
		end--
	}
	n := end - start
	if n < t.least || n > t.most || end < len(w) && isAlphanumeric(w[end]) {
		return match{}, false
	}
	body, v := w[start:end], plausible
	if t.judge != nil {
		v = t.judge(body)
	}
	switch {
	case v == no, v == plausible && (isAlphanumeric(prefix[0]) && !beginsWord(w, at) || placeholder(body)):
		return match{}, false
	}
	return match{rule: t.rule, from: at, to: end}, true
}

// The tokens below are recognized by their middle, or by the format of their parts.

// atlas recognizes a token of Terraform Cloud: 14 characters, ".atlasv1.", and 60 or more characters.
func (m *machine) atlas(w []byte, at int) (match, bool) {
	from := at - 14
	to := m.run(w, at+len(".atlasv1."), urlSafe+"=", 80)
	body := w[at+len(".atlasv1.") : to]
	return match{rule: "terraform-token", from: from, to: to}, m.back(w, at, base62, 14) == from &&
		beginsWord(w, from) && len(body) >= 60 && !placeholder(body)
}

// maxmind recognizes a license key of MaxMind: 6 characters, an underscore, 29 characters, and "_mmk".
func (m *machine) maxmind(w []byte, at int) (match, bool) {
	from := at - 36
	ok := from >= 0 && w[from+6] == '_' && m.back(w, at, base62, 29) == from+7 && beginsWord(w, from) &&
		m.back(w, from+6, base62, 6) == from && m.run(w, at, words, 8) == at+len("_mmk")
	return match{rule: "maxmind-key", from: from, to: at + len("_mmk")}, ok && !placeholder(w[from+7:at])
}

// telegram recognizes the token of a Telegram bot: its number, ":AA", and 33 characters.
func (m *machine) telegram(w []byte, at int) (match, bool) {
	from := m.back(w, at, digits, 11)
	to := m.run(w, at+1, urlSafe, 36)
	ok := at-from >= 8 && at-from <= 10 && to-at-1 == 35 &&
		(from == 0 || !isAlphanumeric(w[from-1]) || beginsWord(w, from) || bytes.HasSuffix(w[:from], []byte("bot")))
	return match{rule: "telegram-token", from: from, to: to}, ok && !placeholder(w[at+1:to])
}

// discord recognizes the token of a Discord bot: its number in base 64, six characters, and 27 to 38 characters.
func (m *machine) discord(w []byte, at int) (match, bool) {
	first := m.run(w, at, urlSafe, 30)
	if first-at < 23 || first-at > 28 || first >= len(w) || w[first] != '.' || !beginsWord(w, at) {
		return match{}, false
	}
	second := m.run(w, first+1, urlSafe, 8)
	if second-first != 7 || second >= len(w) || w[second] != '.' {
		return match{}, false
	}
	to := m.run(w, second+1, urlSafe, 40)
	if n := to - second - 1; n < 27 || n > 38 || placeholder(w[second+1:to]) {
		return match{}, false
	}
	number, err := base64.RawURLEncoding.DecodeString(string(w[at:first]))
	ok := err == nil && len(bytes.Trim(number, string(digits))) == 0
	// With the usual lengths, any number is accepted.
	ok = ok || (first-at == 24 || first-at == 26) && to-second-1 == 38 && looksRandom(w[second+1:to]) &&
		hasUpperAndLower(w[at:first])
	return match{rule: "discord-token", from: at, to: to}, ok
}

// azureSecret recognizes the secret of an Azure application: three characters, a digit, "Q~", and 31 to 34 characters.
func (m *machine) azureSecret(w []byte, at int) (match, bool) {
	from := at - 4
	if from < 0 || w[at-1] < '0' || w[at-1] > '9' || m.back(w, at-1, urlSafe+".~", 3) != from || from > 0 &&
		isAlphanumeric(w[from-1]) && !beginsWord(w, from) {
		return match{}, false
	}
	to := m.run(w, at+2, urlSafe+".~", 40)
	for w[to-1] == '.' {
		to--
	}
	n := to - at - 2
	return match{rule: "azure-client-secret", from: from, to: to}, n >= 31 && n <= 34 && !placeholder(w[at+2:to])
}

// mailchimp recognizes a key of Mailchimp: 32 hex digits, "-us" and a number.
func (m *machine) mailchimp(w []byte, at int) (match, bool) {
	from := at - 32
	to := m.run(w, at+3, digits, 3)
	n := to - at - 3
	return match{rule: "mailchimp-key", from: from, to: to}, m.back(w, at, lowerHex, 32) == from &&
		beginsWord(w, from) && n >= 1 && n <= 2 && mixed(w[from:at]) == plausible && !placeholder(w[from:at])
}

// jwt recognizes a JSON Web Token (RFC 7519) by its header, which specifies an algorithm. It ignores a token with the
// claims of the jwt.io debugger, which are used as an example everywhere.
func (m *machine) jwt(w []byte, at int) (match, bool) {
	if !beginsWord(w, at) {
		return match{}, false
	}
	first := m.run(w, at, urlSafe, 2048)
	if first+4 >= len(w) || !bytes.HasPrefix(w[first:], []byte(".eyJ")) {
		return match{}, false
	}
	second := m.run(w, first+1, urlSafe, 8192)
	if second >= len(w) || w[second] != '.' {
		return match{}, false
	}
	to := m.run(w, second+1, urlSafe, 2048)
	header, _ := base64.RawURLEncoding.DecodeString(string(w[at:first]))
	claims, _ := base64.RawURLEncoding.DecodeString(string(w[first+1 : second]))
	switch {
	case to-second-1 < 20, !bytes.Contains(header, []byte(`"alg"`)), bytes.Contains(claims, []byte(`"1234567890"`)),
		bytes.Contains(claims, []byte("John Doe")), placeholder(w[second+1 : to]):
		return match{}, false
	}
	return match{rule: "jwt", from: at, to: to}, true
}

// awsSecret searches near an AWS access key id for the secret key that belongs to it: a separate word of 40 characters
// of base 64.
func (m *machine) awsSecret(w []byte, from int) (match, bool) {
	const reach = 200
	limit := min(len(w), from+reach)
	for i := from; i < limit; {
		to := m.run(w, i, base62+"+/", 60)
		if to == i {
			i++
			continue
		}
		if to-i == 40 && (to == len(w) || w[to] != '=') && Entropy(w[i:to]) > 4.2 && mixed(w[i:to]) == plausible &&
			hasUpperAndLower(w[i:to]) {
			return match{rule: "aws-secret-key", from: i, to: to}, true
		}
		i = to
	}
	return match{}, false
}

func hasUpperAndLower(b []byte) bool {
	return bytes.ContainsAny(b, string(upper)) && bytes.ContainsAny(b, string(lower))
}
