// Command pulumi-resource-random serves the genuine random provider through the bridge that the official
// plugin uses, for machines where the official plugin cannot be downloaded.
//
// This module's path lies below the provider's own because the provider is in an internal package.
package main

import (
	"context"
	"errors"
	"strings"
	"unicode"

	pfbridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// version is set at build time to the version of the npm package @pulumi/random.
var version string

// The types that npm's @pulumi/random has.
var types = []string{
	"bytes", "id", "integer", "password", "pet", "shuffle", "string", "uuid", "uuid4", "uuid7",
}

func main() {
	ctx := context.Background()
	info := tfbridge.ProviderInfo{
		Name:         "random",
		Version:      version,
		P:            pfbridge.ShimProviderWithContext(ctx, provider.New()),
		Resources:    map[string]*tfbridge.ResourceInfo{},
		MetadataInfo: tfbridge.NewProviderMetadata(nil),
	}
	for _, name := range types {
		info.Resources["random_"+name] = &tfbridge.ResourceInfo{Tok: token(name)}
	}
	// The only type without an id of its own. An id is stored in clear, so it must not be made of the bytes.
	info.Resources["random_bytes"].ComputeID = func(context.Context, resource.PropertyMap) (resource.ID, error) {
		return "none", nil
	}
	pfbridge.Main(ctx, "random", info, pfbridge.ProviderMetadata{XGetSchema: noSchema})
}

// token returns, for "password", random:index/randomPassword:RandomPassword.
func token(name string) tokens.Type {
	title := string(unicode.ToUpper(rune(name[0]))) + name[1:]
	return tokens.Type(strings.ReplaceAll("random:index/randomX:RandomX", "X", title))
}

// Only YAML programs and SDK generators ask for a schema. Making one would double the build.
func noSchema(context.Context, plugin.GetSchemaRequest) ([]byte, error) {
	return nil, errors.New("this build of the random provider has no schema; install the official one: " +
		"pulumi plugin install resource random")
}
