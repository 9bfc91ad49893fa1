package slack

import (
	slackapi "github.com/slack-go/slack"
)

// Slack's limits of a table.
const (
	maxTableRows    = 100
	maxTableColumns = 20
	// maxCell is how much of a cell people read.
	maxCell = 150
)

// table adds rows of plain text, the first of which is the head. It is false for a table
// that does not fit.
func (c *composer) table(rows [][]string) bool {
	if len(rows) > maxTableRows {
		return false
	}
	block := slackapi.NewTableBlock("")
	n := 0
	for i, row := range rows {
		if len(row) > maxTableColumns {
			return false
		}
		cells := make([]slackapi.TableCell, len(row))
		for j, text := range row {
			if text = cut(oneLine(text), maxCell); text == "" {
				text = "–" // Slack takes no empty cell.
			}
			n += rawSize(text) + blockOverhead
			cells[j] = cell(text, i == 0)
		}
		block.AddRow(cells...)
	}
	settings := make([]slackapi.ColumnSetting, len(rows[0]))
	for i := range settings {
		settings[i] = slackapi.ColumnSetting{Align: slackapi.ColumnAlignmentLeft, IsWrapped: true}
	}
	block.WithColumnSettings(settings...)
	if !c.fits(n) {
		return false
	}
	c.blocks = append(c.blocks, block)
	return true
}

func cell(text string, head bool) slackapi.TableCell { //nolint:revive // The head or not.
	if head {
		bold := slackapi.NewRichTextSectionTextElement(text, &slackapi.RichTextSectionTextStyle{Bold: true})
		return slackapi.NewTableRichTextCell(slackapi.NewRichTextSection(bold))
	}
	return slackapi.NewTableRawTextCell(text)
}
