package ecs

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/wire"
)

// settingDefaults are the account's settings as a new account has them.
var settingDefaults = map[types.SettingName]string{
	types.SettingNameServiceLongArnFormat:            "enabled",
	types.SettingNameTaskLongArnFormat:               "enabled",
	types.SettingNameContainerInstanceLongArnFormat:  "enabled",
	types.SettingNameAwsvpcTrunking:                  "disabled",
	types.SettingNameContainerInsights:               "disabled",
	types.SettingNameFargateFipsMode:                 "disabled",
	types.SettingNameTagResourceAuthorization:        "enabled",
	types.SettingNameFargateTaskRetirementWaitPeriod: "7",
	types.SettingNameGuardDutyActivate:               "off",
	types.SettingNameDefaultLogDriverMode:            "non-blocking",
	types.SettingNameFargateEventWindows:             "disabled",
}

func (e *ECS) settingOperations(s *wire.Service) {
	wire.Handle(s, "ListAccountSettings", e.listAccountSettings)
	wire.Handle(s, "PutAccountSetting", func(_ context.Context, in *ecs.PutAccountSettingInput) (*ecs.PutAccountSettingOutput, error) {
		set, err := e.putSetting(in.Name, in.Value)
		return &ecs.PutAccountSettingOutput{Setting: set}, err
	})
	wire.Handle(s, "PutAccountSettingDefault", func(_ context.Context, in *ecs.PutAccountSettingDefaultInput) (*ecs.PutAccountSettingDefaultOutput, error) {
		set, err := e.putSetting(in.Name, in.Value)
		return &ecs.PutAccountSettingDefaultOutput{Setting: set}, err
	})
	wire.Handle(s, "DeleteAccountSetting", func(_ context.Context, in *ecs.DeleteAccountSettingInput) (*ecs.DeleteAccountSettingOutput, error) {
		if err := checkSetting(in.Name); err != nil {
			return nil, err
		}
		e.settings.Delete(string(in.Name))
		return &ecs.DeleteAccountSettingOutput{Setting: e.setting(in.Name)}, nil
	})
}

// checkSetting refuses a name that no setting has.
func checkSetting(name types.SettingName) error {
	if _, ok := settingDefaults[name]; ok {
		return nil
	}
	var names []string
	for _, n := range slices.Sorted(maps.Keys(settingDefaults)) {
		names = append(names, string(n))
	}
	return invalid("%s should be one of [%s]", name, strings.Join(names, ","))
}

func (e *ECS) setting(name types.SettingName) *types.Setting {
	v, ok := e.settings.Get(string(name))
	if !ok {
		v = settingDefaults[name]
	}
	return &types.Setting{Name: name, Value: aws.String(v), PrincipalArn: aws.String(e.account.UserARN()), Type: types.SettingTypeUser}
}

func (e *ECS) putSetting(name types.SettingName, value *string) (*types.Setting, error) {
	if err := checkSetting(name); err != nil {
		return nil, err
	}
	if aws.ToString(value) == "" {
		return nil, invalid("The value of the setting must not be empty.")
	}
	e.settings.Put(string(name), *value)
	return e.setting(name), nil
}

func (e *ECS) listAccountSettings(_ context.Context, in *ecs.ListAccountSettingsInput) (*ecs.ListAccountSettingsOutput, error) {
	if in.Name != "" {
		if err := checkSetting(in.Name); err != nil {
			return nil, err
		}
	}
	var out []types.Setting
	for name := range settingDefaults {
		_, set := e.settings.Get(string(name))
		if in.Name != "" && in.Name != name || !set && !in.EffectiveSettings {
			continue
		}
		s := e.setting(name)
		if in.Value == nil || *in.Value == *s.Value {
			out = append(out, *s)
		}
	}
	slices.SortFunc(out, func(a, b types.Setting) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	var limit *int32
	if in.MaxResults != 0 {
		limit = &in.MaxResults
	}
	out, next, err := page(out, in.NextToken, limit)
	return &ecs.ListAccountSettingsOutput{Settings: out, NextToken: next}, err
}
