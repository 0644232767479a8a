package errors

var surfaceCodes = []*Code{}
