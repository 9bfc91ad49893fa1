package tsdbexporter

import (
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// appender separates what a sender did wrong from what the store could not do. It hides the former from the
// translator, which would stop at it.
type appender struct {
	storage.AppenderV2

	// latest is the last timestamp that is accepted.
	latest int64

	samples, refused, exemplars int
	// first is the first refusal, trouble the first failure of the store.
	first, trouble error
}

var _ storage.AppenderV2 = (*appender)(nil)

// Append counts the sample as stored or refused. It fails only for trouble of the store.
//
//revive:disable-next-line:argument-limit // Prometheus' interface.
func (a *appender) Append(
	ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64,
	h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions,
) (storage.SeriesRef, error) {
	if a.trouble != nil {
		return 0, a.trouble
	}
	if t > a.latest {
		a.refuse(fmt.Errorf("%w: timestamp of %s is too far in the future", storage.ErrOutOfBounds, ls))
		return 0, nil
	}
	if err := reduce(h, fh); err != nil {
		a.refuse(err)
		return 0, nil
	}
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	var partial *storage.AppendPartialError
	partial, err = partial.Handle(err)
	if partial != nil {
		a.exemplars += len(partial.ExemplarErrors)
	}
	switch {
	case err == nil:
		a.samples++
		return ref, nil
	case refusal(err):
		a.refuse(fmt.Errorf("%s: %w", ls, err))
		return 0, nil
	default:
		a.trouble = err
		return 0, err
	}
}

func (a *appender) refuse(err error) {
	a.refused++
	if a.first == nil {
		a.first = err
	}
}

// reduce brings an exponential histogram finer than Prometheus can hold to the finest it can.
func reduce(h *histogram.Histogram, fh *histogram.FloatHistogram) error {
	if h != nil && histogram.IsExponentialSchemaReserved(h.Schema) && h.Schema > histogram.ExponentialSchemaMax {
		if err := h.ReduceResolution(histogram.ExponentialSchemaMax); err != nil {
			return fmt.Errorf("reduce histogram: %w", err)
		}
	}
	if fh != nil && histogram.IsExponentialSchemaReserved(fh.Schema) && fh.Schema > histogram.ExponentialSchemaMax {
		if err := fh.ReduceResolution(histogram.ExponentialSchemaMax); err != nil {
			return fmt.Errorf("reduce histogram: %w", err)
		}
	}
	return nil
}

// refusal says whether the store will refuse the sample however often it is sent.
func refusal(err error) bool {
	if _, ok := errors.AsType[histogram.Error](err); ok {
		return true
	}
	for _, final := range []error{
		storage.ErrOutOfOrderSample, storage.ErrOutOfBounds, storage.ErrTooOldSample, storage.ErrDuplicateSampleForTimestamp,
		storage.ErrOutOfOrderST, storage.ErrSTNewerThanSample, tsdb.ErrInvalidSample,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}
