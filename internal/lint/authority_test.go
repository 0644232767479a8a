package lint_test

import (
	"go/ast"
	"strings"
	"testing"
)

// withoutCx are what actors and the packages above it export that takes no Cx, with the reason: a type stands for all
// its methods. Everything else that is exported there is a method of Cx or takes one first (C1).
var withoutCx = map[string]map[string]string{
	"actors": {
		"System": "the door of main functions, tests and hosts, who are no actors",
		"Slot":   "run by hosts", "Cell": "run by hosts", "Timer": "held by hosts", "NewSystem": "called by hosts",
		"Port": "how a driver's goroutine reaches the actor that gave it the port",
		"Call": "for code that is no actor", "TellWait": "for code that is no actor", "Question": "for code that is no actor",
		"Traced": "makes a context", "Register": "called at init", "StopAs": "makes an error", "FromContext": "finds the Cx",
		"Message": "a value", "Ref": "a value", "Caps": "a value", "Exit": "a value", "ExitKind": "a value", "ActorView": "a value",
		"Ask.From": "reads a field", "Ask.Due": "reads a field",
		"Func.Receive": "calls f, which takes one",
	},
	"supervision": {
		"Run": "how main functions start a tree", "New": "makes a behaviour", "Spec": "a value", "View": "a value",
	},
	"actors/extension": {"New": "makes a behaviour"},
}

// TestC1EffectsTakeACxFirst: from actors upward nothing with an effect is exported that an actor could call without
// showing its Cx.
func TestC1EffectsTakeACxFirst(t *testing.T) {
	seen := 0
	for _, s := range sources(t) {
		allowed, of := withoutCx[s.dir]
		if !of || s.isTest() {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() {
				continue
			}
			recv := receiver(f)
			if recv != "" && !ast.IsExported(recv) {
				continue // an interface's methods: they are called by the kernel
			}
			seen++
			if recv == "Cx" || takesCxFirst(f) {
				continue
			}
			name := strings.TrimPrefix(recv+"."+f.Name.Name, ".")
			if allowed[recv] == "" && allowed[name] == "" {
				t.Errorf("%s:%d: %s takes no Cx: make it its first parameter, or say in withoutCx why it has no effect of an actor", s.file, s.line(f), name)
			}
		}
	}
	if seen < 60 {
		t.Fatalf("only %d functions found: the walk is wrong", seen)
	}
}

// receiver is the name of the type whose method f is; "" if it is none.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	return typeName(f.Recv.List[0].Type)
}

func typeName(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.StarExpr:
		return typeName(x.X)
	case *ast.IndexExpr:
		return typeName(x.X)
	case *ast.IndexListExpr:
		return typeName(x.X)
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

func takesCxFirst(f *ast.FuncDecl) bool {
	ps := f.Type.Params.List
	if len(ps) == 0 {
		return false
	}
	star, ok := ps[0].Type.(*ast.StarExpr)
	return ok && typeName(star) == "Cx"
}
