package slack

import (
	"cmp"

	slackapi "github.com/slack-go/slack"
)

// Action IDs of what people press. A button carries the id of the incident's record
// as its value.
const (
	actionOpen        = "open_" // a link: nothing to do but to answer
	actionAcknowledge = "acknowledge"
	actionTake        = "take_over"
	actionEscalate    = "escalate"
	actionSilence     = "silence"
	// With a step's ID behind a colon, so that no two buttons of a page are alike.
	actionStep = "step_done"
	actionUndo = "step_undo"
	actionAll  = "acknowledge_all"
)

// pressStep is the button of a step.
func pressStep(action, record, stepID, label string) *slackapi.ButtonBlockElement {
	return press(action+":"+stepID, record, label)
}

// press is a button that comes back to us.
func press(action, record, label string) *slackapi.ButtonBlockElement {
	return slackapi.NewButtonBlockElement(action, record, plain(label))
}

// presses are the buttons of a page that fires.
func (in *incident) presses() []*slackapi.ButtonBlockElement {
	if in.Record == "" || in.state() == resolved {
		return nil
	}
	take := press(actionAcknowledge, in.Record, "Acknowledge").WithStyle(slackapi.StylePrimary)
	if in.Handling.Acknowledged != nil {
		take = press(actionTake, in.Record, "Take over")
	}
	escalate := press(actionEscalate, in.Record, "Escalate").WithConfirm(slackapi.NewConfirmationBlockObject(
		plain("Call for help?"), plain(in.whomToCall()), plain("Escalate"), plain("Not yet")))
	return []*slackapi.ButtonBlockElement{take, escalate, press(actionSilence, in.Record, "Silence…")}
}

// whomToCall says before the click whom it calls.
func (in *incident) whomToCall() string {
	if next := in.OnCall.Next; next != nil && next.SlackID != "" {
		return cut("This mentions "+cmp.Or(next.Name, next.SlackID)+", who is next on call, in the channel.", maxConfirm)
	}
	if len(in.Custom.Mentions) > 0 {
		return "This mentions those whom the first message was for again, in the channel."
	}
	return "This notifies everybody in the channel, at any hour."
}
