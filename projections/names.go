package projections

import (
	"context"
	"fmt"
)

// NameTaken says that a name is held by a bottle that is not removed.
type NameTaken struct {
	Slug     string // the slug asked for
	Instance string // the instance name, when it is that which is taken; else ""
	Holder   Candidate
}

func (n *NameTaken) Error() string {
	if n.Instance != "" {
		return fmt.Sprintf("the instance name %s is taken by bottle %s (%s), which was made under it", n.Instance, n.Holder.Slug, n.Holder.ID)
	}
	return fmt.Sprintf("the name %s is taken by bottle %s, which is %s", n.Slug, n.Holder.ID, n.Holder.State)
}

// CheckName says who holds a slug, or (backend, endpoint, instance name), as
// *[NameTaken]; nil when both are free. An empty instance name is not checked.
// Asked in the transaction that appends, the answer holds until it ends.
func CheckName(ctx context.Context, q Queryer, slug, backend, endpoint, instanceName string) error {
	held, err := candidates(ctx, q, `state <> 'removed' AND slug = ?`, slug)
	if err != nil {
		return err
	}
	if len(held) > 0 {
		return &NameTaken{Slug: slug, Holder: held[0]}
	}
	if instanceName == "" {
		return nil
	}
	held, err = candidates(ctx, q, byInstance, backend, endpoint, instanceName)
	if err != nil {
		return err
	}
	if len(held) > 0 {
		return &NameTaken{Slug: slug, Instance: instanceName, Holder: held[0]}
	}
	return nil
}

const byInstance = `state <> 'removed' AND backend = ? AND endpoint = ? AND instance_name = ?`

// ByInstance finds the bottle that is not removed and holds an instance name
// on an endpoint; "" when there is none.
func ByInstance(ctx context.Context, q Queryer, backend, endpoint, instanceName string) (string, error) {
	return only(candidates(ctx, q, byInstance, backend, endpoint, instanceName))
}

// ByIdempotencyKey finds the bottle that is not removed and was made under a
// key; "" when there is none.
func ByIdempotencyKey(ctx context.Context, q Queryer, key string) (string, error) {
	return only(candidates(ctx, q, `state <> 'removed' AND idempotency_key IS NOT NULL AND idempotency_key = ?`, key))
}

func only(found []Candidate, err error) (string, error) {
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].ID, nil
}

// Slugs lists the slugs of the bottles that are not removed, in alphabetical
// order, for completion.
func Slugs(ctx context.Context, q Queryer) ([]string, error) {
	rows, err := q.Query(ctx, `SELECT slug FROM bottles WHERE state <> 'removed' ORDER BY slug`)
	if err != nil {
		return nil, fmt.Errorf("list slugs: %w", explain(ctx, q, err))
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("list slugs: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// Leftover is a resource of a removed bottle that was never released.
type Leftover struct {
	Resource
	Bottle, Slug      string // id and last slug of the bottle it was made for
	Backend, Endpoint string
}

// Leftovers lists what removed bottles may have left behind: created minus
// released.
func Leftovers(ctx context.Context, q Queryer) ([]Leftover, error) {
	rows, err := q.Query(ctx, `SELECT r.kind, r.ref, b.id, b.slug, b.backend, b.endpoint
		FROM resources r JOIN bottles b ON b.id = r.bottle WHERE b.state = 'removed' ORDER BY b.created_seq, r.kind, r.ref`)
	if err != nil {
		return nil, fmt.Errorf("list leftovers: %w", explain(ctx, q, err))
	}
	defer rows.Close()
	var out []Leftover
	for rows.Next() {
		var l Leftover
		if err := rows.Scan(&l.Kind, &l.Ref, &l.Bottle, &l.Slug, &l.Backend, &l.Endpoint); err != nil {
			return nil, fmt.Errorf("list leftovers: %w", err)
		}
		out = append(out, l)
	}
	return out, rows.Err()
}
