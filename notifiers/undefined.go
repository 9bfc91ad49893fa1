package notifiers

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/template"
)

// undefined returns the templates that texts in config use and nothing defines, sorted. Alertmanager accepts such a
// configuration and fails when it has to notify, or sends an empty message.
func (p *plan) undefined(config any) []string {
	use := regexp.MustCompile(`\{\{-?\s*template\s+"([^"]+)"`)
	var missing []string
	eachText(reflect.ValueOf(config), func(text string) {
		for _, m := range use.FindAllStringSubmatch(text, -1) {
			if strings.Contains(text, fmt.Sprintf("define %q", m[1])) {
				continue
			}
			// Other errors may come of there being no alerts.
			_, err := p.tmpl.ExecuteTextString(fmt.Sprintf("{{ template %q . }}", m[1]), &template.Data{})
			if err != nil && strings.Contains(err.Error(), fmt.Sprintf("template %q not defined", m[1])) {
				missing = append(missing, m[1])
			}
		}
	})
	slices.Sort(missing)
	return slices.Compact(missing)
}

// eachText visits all strings in v.
func eachText(v reflect.Value, visit func(string)) {
	switch v.Kind() {
	case reflect.String:
		visit(v.String())
	case reflect.Pointer, reflect.Interface:
		eachText(v.Elem(), visit)
	case reflect.Struct:
		for f, field := range v.Fields() {
			if f.IsExported() {
				eachText(field, visit)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			eachText(v.Index(i), visit)
		}
	case reflect.Map:
		for _, value := range v.Seq2() {
			eachText(value, visit)
		}
	default:
	}
}
