package errors

var supervisionCodes = []*Code{}
