package githttp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/git/gitconfig"
	"github.com/gitruns/runs/repo/git/smarthttp"
	"github.com/gitruns/runs/repo/regular"
)

// settings are those of Git that apply to the requests to one server.
type settings struct {
	headers  http.Header
	agent    string
	tls      *tls.Config
	http1    bool // not HTTP/2
	proxy    *url.URL
	noFollow bool          // also of a request without a content
	buffer   int64         // the largest body that is sent with its length
	idle     time.Duration // how long a server may do nothing
	helpers  []string      // the programs that know credentials
	username string
	usePath  bool   // credentials are those of a path
	ask      string // the program that asks for a password
}

// Defaults of Git, and bounds.
const (
	defaultBuffer = 1 << 20
	leastBuffer   = 65520
	maxBuffer     = 1 << 30
	defaultIdle   = 10 * time.Minute
)

// unsupported returns the error for a setting that only Git itself handles.
func unsupported(name string) error {
	return &smarthttp.Error{
		Kind: smarthttp.Setting, Message: "runs does not support " + name + " where git is not installed",
		Hint: "unset it, or run the command where git is installed",
	}
}

// harmless lists settings that do not change what is sent, or to whom.
var harmless = []string{
	"maxrequests", "minsessions", "noepsv", "sslbackend", "schannelcheckrevoke", "schannelusesslcainfo", "ssltry",
	"emptyauth", "delegation", "keepalivecount", "keepaliveidle", "keepaliveinterval", "maxretries", "retryafter",
	"maxretrytime", "proactiveauth",
}

// newSettings reads the settings for a URL. If another server sent us there, headers that do not name the URL, and may
// hold secrets, are for the other one only.
func newSettings(config *gitconfig.Config, u *url.URL, remote string, redirected bool) (*settings, error) {
	s := &settings{headers: http.Header{}, agent: "git/runs", buffer: defaultBuffer, idle: defaultIdle}
	if err := allowed(config, u.Scheme); err != nil {
		return nil, err
	}
	last := map[string]gitconfig.Entry{}
	for _, e := range config.ForURL("http", u) {
		key := strings.TrimPrefix(e.Key, "http.")
		if key == "extraheader" {
			if redirected && !e.Named {
				continue
			}
			if err := s.addHeader(e.Value); err != nil {
				return nil, err
			}
			continue
		}
		last[key] = e.Entry
	}
	secure := tlsSettings{expand: config.PathOf}
	var proxy *string
	var speed, speedTime int64
	for key, e := range last {
		var err error
		switch key {
		case "useragent":
			s.agent = e.Value
		case "followredirects":
			err = s.setFollow(e)
		case "version":
			switch e.Value {
			case "HTTP/2":
			case "HTTP/1.1":
				s.http1 = true
			default:
				return nil, unsupported("http.version = " + e.Value)
			}
		case "postbuffer":
			s.buffer, err = e.Int()
			s.buffer = min(max(s.buffer, leastBuffer), maxBuffer)
		case "lowspeedlimit":
			speed, err = e.Int()
		case "lowspeedtime":
			speedTime, err = e.Int()
		case "proxy":
			proxy = &e.Value
		case "proxyauthmethod":
			if e.Value != "" && e.Value != "anyauth" && e.Value != "basic" {
				return nil, unsupported("http.proxyAuthMethod = " + e.Value)
			}
		case "cookiefile":
			if e.Value != "" {
				return nil, unsupported("http.cookieFile")
			}
		case "savecookies":
		default:
			var known bool
			if known, err = secure.set(key, e); err == nil && !known && !slices.Contains(harmless, key) {
				return nil, unsupported(e.Key)
			}
		}
		if err != nil {
			return nil, settingError(err)
		}
	}
	if speed > 0 && speedTime > 0 {
		s.idle = time.Duration(speedTime) * time.Second
	}
	if agent := os.Getenv("GIT_HTTP_USER_AGENT"); agent != "" {
		s.agent = agent
	}
	if strings.ContainsAny(s.agent, "\r\n\x00") {
		return nil, settingError(errors.New("http.userAgent has a line break"))
	}
	if e, ok := config.Last("remote." + remote + ".proxy"); ok && remote != "" {
		proxy = &e.Value
	}
	var err error
	if s.proxy, err = proxyFor(u, proxy, os.Getenv); err != nil {
		return nil, err
	}
	if s.tls, err = secure.config(); err != nil {
		return nil, err
	}
	return s, s.setCredentials(config, u)
}

func settingError(err error) error {
	return &smarthttp.Error{Kind: smarthttp.Setting, Message: err.Error(), Hint: "correct the setting"}
}

// addHeader adds a header that the user wants in every request. An empty value drops those before it.
func (s *settings) addHeader(line string) error {
	if line == "" {
		s.headers = http.Header{}
		return nil
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" || strings.ContainsAny(line, "\r\n\x00") || strings.ContainsAny(name, " \t") {
		return settingError(errors.New("http.extraHeader is not a header"))
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	if slices.Contains([]string{"Host", "Content-Length", "Transfer-Encoding", "Connection"}, name) {
		return unsupported("the header " + name + " in http.extraHeader")
	}
	s.headers[name] = append(s.headers[name], strings.TrimSpace(value))
	return nil
}

func (s *settings) setFollow(e gitconfig.Entry) error {
	if e.HasValue && e.Value == "initial" {
		s.noFollow = false
		return nil
	}
	all, err := e.Bool()
	s.noFollow = !all
	return err
}

func (s *settings) setCredentials(config *gitconfig.Config, u *url.URL) error {
	for _, e := range config.ForURL("credential", u) {
		var err error
		switch strings.TrimPrefix(e.Key, "credential.") {
		case "helper":
			if e.Value == "" {
				s.helpers = nil
				continue
			}
			s.helpers = append(s.helpers, e.Value)
		case "username":
			s.username = e.Value
		case "usehttppath":
			s.usePath, err = e.Bool()
		}
		if err != nil {
			return settingError(err)
		}
	}
	s.ask = os.Getenv("GIT_ASKPASS")
	if s.ask == "" {
		if program, set, err := config.Path("core.askpass"); err == nil && set {
			s.ask = program
		}
	}
	if s.ask == "" {
		s.ask = os.Getenv("SSH_ASKPASS")
	}
	return nil
}

// allowed returns an error unless Git may use a protocol.
func allowed(config *gitconfig.Config, scheme string) error {
	refuse := func(name string) error {
		return &smarthttp.Error{
			Kind: smarthttp.Setting, Message: name + " does not allow the protocol " + scheme,
			Hint: "allow it, or run the command where git is installed",
		}
	}
	if list, set := os.LookupEnv("GIT_ALLOW_PROTOCOL"); set {
		if !slices.Contains(strings.Split(list, ":"), scheme) {
			return refuse("GIT_ALLOW_PROTOCOL")
		}
		return nil
	}
	for _, key := range []string{"protocol." + scheme + ".allow", "protocol.allow"} {
		e, ok := config.Last(key)
		if !ok {
			continue
		}
		switch strings.ToLower(e.Value) {
		case "always":
			return nil
		case "user":
			if user, err := strconv.ParseBool(os.Getenv("GIT_PROTOCOL_FROM_USER")); err == nil && !user {
				return refuse("GIT_PROTOCOL_FROM_USER")
			}
			return nil
		}
		return refuse(key)
	}
	return nil
}

// tlsSettings are those of an encrypted connection.
type tlsSettings struct {
	expand    func(gitconfig.Entry) (string, error)
	insecure  bool
	info      string // a file of certificates
	path      string // a folder of them
	cert, key string // of the user
	version   uint16
}

// set takes a setting. known is false if it is another one.
func (t *tlsSettings) set(key string, e gitconfig.Entry) (known bool, err error) {
	switch key {
	case "sslverify":
		verify, err := e.Bool()
		t.insecure = !verify
		return true, err
	case "sslcainfo":
		t.info, err = t.expand(e)
	case "sslcapath":
		t.path, err = t.expand(e)
	case "sslcert":
		t.cert, err = t.expand(e)
	case "sslkey":
		t.key, err = t.expand(e)
	case "sslcertpasswordprotected":
		protected, err := e.Bool()
		if protected && err == nil {
			err = unsupported("http.sslCertPasswordProtected")
		}
		return true, err
	case "sslversion":
		switch e.Value {
		case "", "tlsv1": // the oldest version that Go accepts is younger
		case "tlsv1.2":
			t.version = tls.VersionTLS12
		case "tlsv1.3":
			t.version = tls.VersionTLS13
		default:
			err = unsupported("http.sslVersion = " + e.Value)
		}
	default:
		return false, nil
	}
	return true, err
}

func (t *tlsSettings) config() (*tls.Config, error) {
	if _, set := os.LookupEnv("GIT_SSL_NO_VERIFY"); set {
		t.insecure = true
	}
	for name, value := range map[string]*string{
		"GIT_SSL_CAINFO": &t.info, "GIT_SSL_CAPATH": &t.path, "GIT_SSL_CERT": &t.cert, "GIT_SSL_KEY": &t.key,
	} {
		if text := os.Getenv(name); text != "" {
			*value = text
		}
	}
	for _, name := range []string{"GIT_SSL_CIPHER_LIST", "GIT_SSL_VERSION", "GIT_PROXY_SSL_CERT", "GIT_PROXY_SSL_CAINFO"} {
		if os.Getenv(name) != "" {
			return nil, unsupported(name)
		}
	}
	// The user has asked for no verification.
	config := &tls.Config{MinVersion: max(t.version, tls.VersionTLS12), InsecureSkipVerify: t.insecure}
	files := []string{}
	if t.info != "" {
		files = append(files, t.info)
	}
	if t.path != "" {
		entries, err := os.ReadDir(t.path)
		if err != nil {
			return nil, settingError(fmt.Errorf("reading the certificates of http.sslCAPath: %w", err))
		}
		for _, e := range entries {
			if file := filepath.Join(t.path, e.Name()); regular.Check(file) == nil {
				files = append(files, file)
			}
		}
	}
	if len(files) > 0 {
		config.RootCAs = x509.NewCertPool()
		some := false
		for _, file := range files {
			data, err := regular.ReadFile(file)
			if err != nil {
				return nil, settingError(fmt.Errorf("reading the certificates of http.sslCAInfo: %w", err))
			}
			some = config.RootCAs.AppendCertsFromPEM(data) || some
		}
		if !some {
			return nil, settingError(fmt.Errorf("%s has no certificate", files[0]))
		}
	}
	if t.cert != "" {
		key := t.key
		if key == "" {
			key = t.cert
		}
		pair, err := tls.LoadX509KeyPair(t.cert, key)
		if err != nil {
			return nil, settingError(fmt.Errorf("reading the certificate of http.sslCert: %w", err))
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
