package scenarios

import (
	"fmt"
	"time"
)

// traceHeader is the header of the Azure traces of text models.
const traceHeader = "TIMESTAMP,ContextTokens,GeneratedTokens"

// azure is the format of the Azure LLM inference traces (Azure Public Dataset; 2023: Patel et al.,
// Splitwise, ISCA 2024; 2024: Stojkovic et al., DynamoLLM, HPCA 2025). That of multimodal models (2025)
// has a fourth column, NumImages.
//
//	row = date " " time [ "." digits ] [ zone ] "," [ images "," ] prompt "," output ;
var azure = traceFormat{
	name: "azure", shape: traceHeader,
	columns: [3]string{"TIMESTAMP", "ContextTokens", "GeneratedTokens"}, bare: [3]int{0, 1, 2},
	time: wallTime, read: (*traceReader).readCells,
	unread: "NumImages", plain: "0",
}

// wallTime reads a time of day and date; without a zone it is taken as UTC. Go reads a fraction of up to
// nine digits behind the seconds though the layout has none; these traces have seven.
func wallTime(cell string) (time.Duration, error) {
	at, err := time.Parse("2006-01-02 15:04:05", cell)
	if err != nil {
		if at, err = time.Parse("2006-01-02 15:04:05Z07:00", cell); err != nil {
			return 0, fmt.Errorf("%q is no time such as 2023-11-16 18:17:03.9799600", shortened(cell))
		}
	}
	since := at.Sub(time.Unix(0, 0)) // the nearest Duration
	if since <= -furthest || since >= furthest {
		return 0, fmt.Errorf("%q is no time between the years 1824 and 2115", shortened(cell))
	}
	return since, nil
}
