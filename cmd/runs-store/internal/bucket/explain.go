package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/gcerrors"
	"google.golang.org/api/googleapi"

	"github.com/gitruns/runs/repo/store"
)

// action is what a request does. It determines the right that the request needs.
type action int

const (
	reading action = iota
	writing
	listing
)

var verbs = map[action]string{reading: "read", writing: "write", listing: "list"}

// rights lists, for each provider, the name of the right that each action needs.
var rights = map[string]map[action]string{
	"file": {
		reading: "read permission on the folder", writing: "write permission on the folder",
		listing: "read permission on the folder",
	},
	"s3": {reading: "s3:GetObject", writing: "s3:PutObject", listing: "s3:ListBucket"},
	"gs": {reading: "storage.objects.get", writing: "storage.objects.create", listing: "storage.objects.list"},
	"azblob": {
		reading: "the role Storage Blob Data Reader", writing: "the role Storage Blob Data Contributor",
		listing: "the role Storage Blob Data Reader",
	},
}

// credentials lists hints on how to set up credentials, by provider.
var credentials = map[string]string{
	"s3":     "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for one of ~/.aws/credentials",
	"gs":     "run 'gcloud auth application-default login', or set GOOGLE_APPLICATION_CREDENTIALS to a key file's path",
	"azblob": "set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or run 'az login'",
}

// refusedCodes lists error codes for wrong credentials. They do not depend on the action.
var refusedCodes = []string{
	"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired",
	"InvalidAccessKey", "RequestTimeTooSkewed",
	"AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation", "AccountIsDisabled",
	"XAdminUserNotFound",
}

var (
	noBucketCodes = []string{"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "InvalidBucketName"}
	spaceCodes    = []string{
		"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "NoSpaceLeft", "XMinioAdminBucketQuotaExceeded",
		"AccountLimitExceeded",
	}
	regionCodes = []string{
		"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect",
	}
)

// deniedError reports a missing right. Some callers can continue without that right.
type deniedError struct{ error }

func (e deniedError) Unwrap() error { return e.error }

func lacksRight(err error) bool {
	var e deniedError
	return errors.As(err, &e)
}

// explain turns an error into a message with the store, the problem and what to do about it. It repeats only the code
// of a server's answer, and nothing that may be secret.
func (s *Store) explain(act action, err error) error {
	var known *store.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, errWrong), errors.Is(err, errChanged):
		return err
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		return &store.Error{Kind: store.Failed, Message: s.name + ": " + panicked.Error(), Hint: PanicHint}
	}
	var local localError
	if errors.As(err, &local) {
		return s.explainFile("on this machine", local.error)
	}
	var path *fs.PathError
	var link *os.LinkError
	if s.kind == "file" && (errors.As(err, &path) || errors.As(err, &link)) && gcerrors.Code(err) != gcerrors.NotFound {
		return s.explainFile(s.name, err)
	}
	code, status := answer(err)
	fail := func(kind store.Kind, hint, format string, args ...any) error {
		return &store.Error{Kind: kind, Message: s.name + ": " + fmt.Sprintf(format, args...), Hint: hint}
	}
	said := code
	if said == "" || len(said) > 60 {
		said = fmt.Sprintf("status %d", status)
	}
	switch {
	case slices.Contains(noBucketCodes, code), errors.Is(err, storage.ErrBucketNotExist):
		return s.noBucket()
	case slices.Contains(refusedCodes, code), status == http.StatusUnauthorized:
		return fail(store.Denied, credentials[s.kind], "the server refused the credentials (%s)", said)
	case slices.Contains(regionCodes, code), status == http.StatusMovedPermanently:
		return fail(
			store.Usage, "add region=... to the URL of the store, or set AWS_REGION", "the bucket is in another region (%s)",
			said,
		)
	case slices.Contains(spaceCodes, code), status == http.StatusInsufficientStorage:
		return fail(store.Space, "free some space, or raise the quota", "no space is left (%s)", said)
	case status == http.StatusForbidden, gcerrors.Code(err) == gcerrors.PermissionDenied:
		return deniedError{
			fail(
				store.Denied, "grant the credentials that right, or use others", "no permission to %s (%s)", verbs[act],
				rights[s.kind][act],
			),
		}
	case status == http.StatusNotFound, gcerrors.Code(err) == gcerrors.NotFound, errors.Is(err, storage.ErrObjectNotExist):
		return fail(store.NotFound, "push it from a machine that has the file", "the object does not exist")
	case noCredentials(err):
		return fail(store.Denied, credentials[s.kind], "no credentials are set up")
	case status == http.StatusTooManyRequests, status >= 500:
		return fail(store.Network, "try again later; finished parts are not transferred again", "the server answers %s", said)
	case unreachable(err):
		return fail(
			store.Network, "try again; finished parts are not transferred again", "no connection: %s", s.clean(cause(err)),
		)
	case status > 0:
		return fail(store.Failed, "", "the server answers %s", said)
	}
	return fail(store.Failed, "", "%s", s.clean(err))
}

// explainFile turns a file error into a message. The file is on this machine or in a folder store.
func (s *Store) explainFile(where string, err error) error {
	kind, hint := store.Failed, ""
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, errQuota):
		kind, hint = store.Space, "free some space and try again"
	case errors.Is(err, syscall.EROFS):
		kind, hint = store.ReadOnly, "mount it for writing, or use another store"
	case errors.Is(err, fs.ErrPermission):
		kind, hint = store.Denied, "get write permission on the folder"
	case errors.Is(err, fs.ErrNotExist) && where == s.name:
		kind, hint = store.NoBucket, "mount it, or create it with mkdir"
	}
	return &store.Error{Kind: kind, Message: where + ": " + err.Error(), Hint: hint}
}

// answer returns the error code and HTTP status from a server's response, or "" and 0 if there was no response.
func answer(err error) (string, int) {
	var ofS3 *smithyhttp.ResponseError
	var ofAzure *azcore.ResponseError
	var ofGoogle *googleapi.Error
	switch {
	case errors.As(err, &ofAzure):
		return ofAzure.ErrorCode, ofAzure.StatusCode
	case errors.As(err, &ofGoogle):
		if len(ofGoogle.Errors) > 0 {
			return ofGoogle.Errors[0].Reason, ofGoogle.Code
		}
		return "", ofGoogle.Code
	case errors.As(err, &ofS3):
		return code(err), ofS3.HTTPStatusCode()
	}
	return code(err), 0
}

// noCredentials reports whether the library found no credentials. It searches the text, because the libraries have no
// error value for this.
func noCredentials(err error) bool {
	text := err.Error()
	for _, sign := range []string{
		"get credentials", "failed to refresh cached credentials", "static credentials are empty", // aws-sdk-go-v2
		"could not find default credentials",                              // golang.org/x/oauth2/google
		"DefaultAzureCredential", "AccountName is required", "no account", // azidentity, azureblob
	} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

func unreachable(err error) bool {
	var network net.Error
	var of *url.Error
	return errors.As(err, &network) || errors.As(err, &of) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, net.ErrClosed)
}

// isTransient reports whether another attempt may succeed after err.
func (s *Store) isTransient(err error) bool {
	var e *store.Error
	return errors.As(s.explain(reading, err), &e) && e.Kind == store.Network
}

// cause returns the innermost error of a request, because the outer errors repeat its URL.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// query matches the query of a URL, which contains a signature with some providers.
var query = regexp.MustCompile(`\?[^\s"']*`)

// clean returns the text of a library's error without anything that may be secret.
func (s *Store) clean(err error) string {
	text := query.ReplaceAllString(err.Error(), "?...")
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if len(value) >= 8 && secretName(name) {
			text = strings.ReplaceAll(text, value, "...")
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

func secretName(name string) bool {
	for _, part := range []string{"KEY", "SECRET", "TOKEN", "PASSWORD", "CONNECTION_STRING", "CONNECTIONSTRING"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
