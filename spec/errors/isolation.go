package errors

var isolationCodes = []*Code{}
