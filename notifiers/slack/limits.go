package slack

// Slack's limits, in characters after escaping; docs.slack.dev "Block Kit".
const (
	maxBlocks   = 50
	maxHeader   = 150
	maxSection  = 3000
	maxFields   = 10
	maxField    = 2000
	maxElements = 10 // of a context block
	maxButtons  = 25
	maxButton   = 75
	maxAltText  = 2000
	maxConfirm  = 300
	maxFileAlt  = 1000 // of a file; longer ones are refused
	// maxFormError is for the text under a field of a form.
	maxFormError = 300
	// maxMessage is for the whole message, text included. Slack documents only
	// 12,000 for markdown blocks, and answers msg_blocks_too_long from about
	// 13,200 characters on.
	maxMessage = 12_000
	// blockOverhead is what a block costs of maxMessage besides its text:
	// slackapi/bolt-js issue 2867 saw 45 blocks refused from 11,341 characters on.
	blockOverhead = 45
)

// How much of a page each part may take; together they stay below maxMessage.
const (
	maxFallback = 500  // the text of a lock screen
	maxOpening  = 700  // pretext and message_text
	maxFact     = 300  // one of the pairs under the header
	maxBad      = 1500 // how bad it is
	maxList     = 1500 // the alerts of the group
	maxLines    = 10
	maxAbout    = 600 // what the playbook is about
	maxSteps    = 2000
	maxStep     = 700
	// maxStepTitle is for a step that is done; maxWhere for where it burns.
	maxStepTitle = 120
	maxWhere     = 900
	maxHandling  = 900  // what people did
	maxOwn       = 1000 // fields of the slack_config
	maxFooter    = 300
	// maxThread is how many messages of one kind go below a page.
	maxThread = 10
)
