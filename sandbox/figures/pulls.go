package figures

import (
	"context"
	"fmt"
)

// pulls counts pulls that are tried all the time, each with what the secret
// then holds, while refreshes run back to back.
func (m *meter) pulls(ctx context.Context, d *deployment) error {
	m.say("pulling while %d refreshes run", m.refreshes)
	pulling, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for pulling.Err() == nil {
			err := d.chain.Pull(ctx)
			m.report.Pulls.Tried++
			if err != nil {
				m.report.Pulls.Failed++
				m.failure("pull %d: %s", m.report.Pulls.Tried, err)
			}
		}
	}()
	var err error
	for range m.refreshes {
		if err = d.chain.Refresh(ctx); err != nil {
			break
		}
	}
	stop()
	<-ended
	if err != nil {
		return fmt.Errorf("figures: a refresh while pulls ran: %w", err)
	}
	return nil
}
