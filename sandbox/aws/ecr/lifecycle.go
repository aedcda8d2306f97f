package ecr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// The limits of lifecycle policies:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
// and https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutLifecyclePolicy.html
const (
	maxLifecycle      = 30720
	maxLifecycleRules = 50
	maxRulePriority   = 999
)

type lifecycleRule struct {
	Priority    int    `json:"rulePriority"`
	Description string `json:"description"`
	Selection   struct {
		TagStatus      string   `json:"tagStatus"`
		TagPatternList []string `json:"tagPatternList"`
		TagPrefixList  []string `json:"tagPrefixList"`
		CountType      string   `json:"countType"`
		CountUnit      string   `json:"countUnit"`
		CountNumber    int      `json:"countNumber"`
	} `json:"selection"`
	Action struct {
		Type string `json:"type"`
	} `json:"action"`
}

// checkLifecycle reads a lifecycle policy by ECR's rules. It returns what is
// wrong in the words of this package: ECR names a JSON path and a keyword of
// the schema that it validates with.
func checkLifecycle(text string) error {
	if len(text) < 100 || len(text) > maxLifecycle {
		return fmt.Errorf("the document has %d characters: from 100 to %d are allowed", len(text), maxLifecycle)
	}
	var policy struct {
		Rules []lifecycleRule `json:"rules"`
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&policy); err != nil {
		return err
	}
	if len(policy.Rules) == 0 || len(policy.Rules) > maxLifecycleRules {
		return fmt.Errorf("rules: %d are given, from 1 to %d are allowed", len(policy.Rules), maxLifecycleRules)
	}
	seen := map[int]bool{}
	untagged, anyAt := false, 0
	for i, rule := range policy.Rules {
		if err := rule.check(); err != nil {
			return fmt.Errorf("rules[%d]: %w", i, err)
		}
		if seen[rule.Priority] {
			return fmt.Errorf("rules[%d]: rulePriority %d is used twice", i, rule.Priority)
		}
		seen[rule.Priority] = true
		switch rule.Selection.TagStatus {
		case "untagged":
			if untagged {
				return fmt.Errorf("rules[%d]: only one rule may select untagged images", i)
			}
			untagged = true
		case "any":
			if anyAt != 0 {
				return fmt.Errorf("rules[%d]: only one rule may select any image", i)
			}
			anyAt = rule.Priority
		}
	}
	for priority := range seen {
		if anyAt != 0 && priority > anyAt {
			return fmt.Errorf("the rule that selects any image, %d, must have the greatest rulePriority", anyAt)
		}
	}
	return nil
}

func (r lifecycleRule) check() error {
	s := r.Selection
	listed := len(s.TagPatternList) + len(s.TagPrefixList)
	switch {
	case r.Priority < 1 || r.Priority > maxRulePriority:
		return fmt.Errorf("rulePriority %d: must be from 1 to %d", r.Priority, maxRulePriority)
	case r.Action.Type != "expire":
		return fmt.Errorf("action.type %q: must be expire", r.Action.Type)
	case !slices.Contains([]string{"tagged", "untagged", "any"}, s.TagStatus):
		return fmt.Errorf("selection.tagStatus %q: must be tagged, untagged or any", s.TagStatus)
	case s.TagStatus == "tagged" && listed == 0:
		return fmt.Errorf("selection: a rule for tagged images needs tagPatternList or tagPrefixList")
	case s.TagStatus != "tagged" && listed > 0:
		return fmt.Errorf("selection: tagPatternList and tagPrefixList are for tagged images only")
	case len(s.TagPatternList) > 0 && len(s.TagPrefixList) > 0:
		return fmt.Errorf("selection: only one of tagPatternList and tagPrefixList is allowed")
	case s.CountNumber < 1:
		return fmt.Errorf("selection.countNumber %d: must be at least 1", s.CountNumber)
	case s.CountType == "imageCountMoreThan" && s.CountUnit != "":
		return fmt.Errorf("selection.countUnit is for sinceImagePushed only")
	case s.CountType == "sinceImagePushed" && s.CountUnit != "days":
		return fmt.Errorf("selection.countUnit %q: must be days", s.CountUnit)
	case s.CountType != "imageCountMoreThan" && s.CountType != "sinceImagePushed":
		return fmt.Errorf("selection.countType %q: must be imageCountMoreThan or sinceImagePushed", s.CountType)
	}
	return nil
}
