package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/googleapis"
	"waybill.example/waybill/sandbox/registry/content"
	"waybill.example/waybill/sandbox/world"
)

// Pipeline is the vendor's: it pushes the world's releases, each once its
// repository is there, with the rights of the world's pusher and no others.
type Pipeline struct {
	// World says what is pushed, and as whom.
	World *world.World
	// Client reaches the clouds' host names through the proxy.
	Client *http.Client
	Google *Google
	// Amazon is nil where the world has none of it.
	Amazon *Amazon
	// Progress is told of each push.
	Progress func(message string)

	mutex sync.Mutex
	// done is what came of each release, by its reference and when its repository
	// was made: one that is made again is empty.
	done map[string]error
}

// release is an image that is to be pushed to a repository that is there.
type release struct {
	reference string
	created   time.Time
	image     world.Image
	login     func(context.Context) (*authn.Basic, error)
}

// Release pushes what is not pushed yet. A push that was refused stays so, and is
// the error of every later call.
func (p *Pipeline) Release(ctx context.Context) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.done == nil {
		p.done = map[string]error{}
	}
	due, err := p.due()
	if err != nil {
		return err
	}
	var problems []error
	for _, one := range due {
		key := one.reference + one.created.String()
		if _, tried := p.done[key]; !tried {
			if err := p.push(ctx, one); ctx.Err() == nil {
				p.done[key] = err
			}
		}
		problems = append(problems, p.done[key])
	}
	return errors.Join(problems...)
}

// due are the releases whose repository is there.
func (p *Pipeline) due() ([]release, error) {
	var due []release
	for _, project := range p.World.GCP.Projects {
		email := world.ServiceAccount{ID: project.Pusher}.Email(project.ID)
		for _, text := range project.Releases {
			one, err := world.ParseRelease(text)
			if err != nil {
				return nil, fmt.Errorf("rehearsal: release %w", err)
			}
			if repository, exists := p.Google.Cloud.Repository(one.Location, project.ID, one.Repository); exists {
				due = append(due, release{
					one.Location + "-docker.pkg.dev/" + project.ID + "/" + one.Repository + "/" + one.String(), repository.CreateTime, one.Image,
					func(context.Context) (*authn.Basic, error) {
						token, err := p.Google.Tokens.MintAccount(email, []string{googleapis.CloudPlatform}, googleapis.MaxLifetime)
						return accessToken(token), err
					},
				})
			}
		}
	}
	for _, account := range p.World.AWS.Accounts {
		for _, text := range account.Releases {
			one, err := world.ParseECRRelease(text)
			if err != nil {
				return nil, fmt.Errorf("rehearsal: release %w", err)
			}
			place := arn.Place{Account: account.ID, Region: one.Location}
			if repository, exists := p.Amazon.Cloud.ECR.Repository(place, one.Repository); exists {
				due = append(due, release{ecr.Host(place) + "/" + one.String(), repository.CreatedAt, one.Image, func(ctx context.Context) (*authn.Basic, error) {
					return p.amazonLogin(ctx, place, account.Pusher)
				}})
			}
		}
	}
	return due, nil
}

// amazonLogin asks ECR for a token as a role of the vendor's account.
func (p *Pipeline) amazonLogin(ctx context.Context, place arn.Place, pusher string) (*authn.Basic, error) {
	account, err := p.Amazon.Cloud.IAM.Account(place.Account)
	if err != nil {
		return nil, err
	}
	role, err := account.Role(pusher)
	if err != nil {
		return nil, err
	}
	session, err := p.Amazon.mint(role.ARN)
	if err != nil {
		return nil, err
	}
	return ecrLogin(ctx, p.Client, session, place.Region)
}

// sign gives a release's tag, and what a request about it is made with: the
// network and the pusher's login.
func (p *Pipeline) sign(ctx context.Context, one release) (name.Tag, []remote.Option, error) {
	tag, err := name.NewTag(one.reference, name.StrictValidation)
	if err != nil {
		return tag, nil, err
	}
	login, err := one.login(ctx)
	if err != nil {
		return tag, nil, fmt.Errorf("push %s: %w", one.reference, err)
	}
	return tag, []remote.Option{remote.WithContext(ctx), remote.WithTransport(p.Client.Transport), remote.WithAuth(login)}, nil
}

// push pushes a placeholder, where the tag is not there from an earlier run.
func (p *Pipeline) push(ctx context.Context, one release) error {
	reference, options, err := p.sign(ctx, one)
	if err != nil {
		return err
	}
	_, err = remote.Head(reference, options...)
	var absent *transport.Error
	if !errors.As(err, &absent) || absent.StatusCode != http.StatusNotFound {
		return wrapPush(one, err)
	}
	p.Progress(fmt.Sprintf("pushing %s to %s as a vendor would", one.image, reference.Context().Name()))
	artifact, err := content.Placeholder(one.image)
	if err != nil {
		return err
	}
	return wrapPush(one, remote.WriteIndex(reference, artifact, options...))
}

func wrapPush(one release, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the vendor's push of %s was refused: %s", one.reference, firstLine(err.Error()))
}

// moveCases push another image under the product's tag, with the vendor's own
// rights: none where the vendor pushes to another repository.
func (c *chain) moveCases(words *regexp.Regexp) []testCase {
	due, err := c.due()
	at := slices.IndexFunc(due, func(one release) bool { return one.reference == c.image })
	if err == nil && at < 0 {
		return nil
	}
	return []testCase{{"another image under the released tag", hopRegistry, words, func(ctx context.Context) error {
		if err != nil {
			return err
		}
		return c.move(ctx, due[at])
	}}}
}

// move pushes an empty image under a release's tag, and puts the release back
// where that was let through.
func (p *Pipeline) move(ctx context.Context, one release) error {
	tag, options, err := p.sign(ctx, one)
	if err != nil {
		return err
	}
	before, err := remote.Get(tag, options...)
	if err != nil {
		return err
	}
	if err := remote.Write(tag, empty.Image, options...); err != nil {
		return &refused{hopRegistry, firstLine(err.Error())}
	}
	if err := remote.Tag(tag, before, options...); err != nil {
		return err
	}
	return allowed("the tag of a release was moved")
}
