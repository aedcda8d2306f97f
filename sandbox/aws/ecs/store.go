package ecs

import (
	"fmt"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

const api = fault.API("ECS")

// NotFound is the code for a service that does not exist.
const NotFound = "ServiceNotFoundException"

// Store holds the task definitions and services of every account.
type Store struct {
	store    *state.Store[contents]
	clusters map[string]bool
	vpcs     map[arn.Place][]world.VPC
	drain    time.Duration
	now      func() time.Time
}

// contents is what the file keeps, by ARN.
type contents struct {
	Definitions map[string]TaskDefinition `json:"taskDefinitions"`
	// Revisions are the last ones, by the family's ARN.
	Revisions map[string]int     `json:"revisions"`
	Services  map[string]Service `json:"services"`
}

func (held contents) definitions() map[string]TaskDefinition { return held.Definitions }

func (held contents) services() map[string]Service { return held.Services }

// Open reads the file at path, or starts it. A deleted service keeps its name while it
// drains.
func Open(path string, accounts []world.AWSAccount, drain time.Duration, now func() time.Time) (*Store, error) {
	store, err := state.OpenStore[contents](path)
	if err != nil {
		return nil, fmt.Errorf("ecs: %w", err)
	}
	s := &Store{store: store, clusters: map[string]bool{}, vpcs: map[arn.Place][]world.VPC{}, drain: drain, now: now}
	for _, account := range accounts {
		for _, cluster := range account.ECSClusters {
			place := arn.Place{Account: account.ID, Region: cluster.Region}
			s.clusters[place.ARN("ecs", "cluster/"+cluster.Name)] = true
		}
		for _, vpc := range account.VPCs {
			place := arn.Place{Account: account.ID, Region: vpc.Region}
			s.vpcs[place] = append(s.vpcs[place], vpc)
		}
	}
	return s, nil
}

// cluster finds a cluster by its name or ARN; none means the one called default.
func (s *Store) cluster(place arn.Place, reference string) (string, bool) {
	if reference == "" {
		reference = "default"
	}
	if !strings.HasPrefix(reference, "arn:") {
		reference = place.ARN("ecs", "cluster/"+reference)
	}
	name, ok := arn.Parse(reference)
	return reference, ok && name.Place() == place && s.clusters[reference]
}
