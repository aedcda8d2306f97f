package provider

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// setName gives a nameless object a name: the one that the previous inputs were
// given automatically, so that it is stable, else one that the engine proposes,
// else the resource's name and eight hexadecimal digits derived from the
// engine's seed. The annotation says that the name is automatic: a replacement
// of such an object is created before the old one is deleted.
//
// Previous inputs with a name of the program's own give none away: the API
// server will ask for a name, as with v4.30.
// https://github.com/pulumi/pulumi-kubernetes provider/pkg/metadata/naming.go
func (c *checker) setName(metadata resource.PropertyMap) error {
	var name string
	if len(c.request.Olds) > 0 {
		old := toObject(c.kind, c.request.Olds)
		if !annotated(old, autonamedAnnotation) {
			return nil
		}
		name = old.GetName()
	} else {
		var err error
		if name, err = c.newName(); err != nil {
			return err
		}
	}
	annotations := reveal(metadata["annotations"])
	switch {
	case annotations.IsNull():
		annotations = resource.NewObjectProperty(resource.PropertyMap{})
	case !annotations.IsObject():
		// Unknown annotations cannot be added to yet; the update's check can.
		metadata["name"] = resource.NewStringProperty(name)
		return nil
	}
	completed := annotations.ObjectValue().Copy()
	completed[autonamedAnnotation] = resource.NewStringProperty("true")
	metadata["annotations"] = resource.NewObjectProperty(completed)
	metadata["name"] = resource.NewStringProperty(name)
	return nil
}

func (c *checker) newName() (string, error) {
	autonaming := c.request.Autonaming
	if autonaming == nil {
		return resource.NewUniqueName(c.request.RandomSeed, c.request.URN.Name()+"-", 0, 0, nil)
	}
	switch autonaming.Mode {
	case plugin.AutonamingModeDisabled:
		return "", fmt.Errorf("%s: metadata.name is missing: want one, because the stack disables automatic names", c.request.URN)
	default:
		return autonaming.ProposedName, nil
	}
}
