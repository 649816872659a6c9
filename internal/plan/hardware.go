package plan

import (
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/sim/backend"
)

// ReadCards reads cards that the table does not have: a YAML list of rows as in fixtures/gpus.yaml.
func ReadCards(r io.Reader) ([]backend.GPU, error) { return readRows[backend.GPU](r) }

// ReadShapes reads models that the table does not have: a list of rows as in fixtures/models.yaml.
func ReadShapes(r io.Reader) ([]backend.Shape, error) { return readRows[backend.Shape](r) }

func readRows[Row any](r io.Reader) ([]Row, error) {
	text, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, err
	}
	var rows []Row
	if err := yaml.Load(text, &rows, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("reading rows: %w", err)
	}
	return rows, nil
}
